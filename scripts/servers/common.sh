# Sourced by the server scripts beside it: packages, ports, certificates, waiting. Not run by itself.

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# need COMMAND PACKAGE...: installs the packages if the command is missing.
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >&2 || fail "can't install $*"
}

# A loopback port that is free now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# certificates FOLDER: an authority (ca.pem), and of it server.pem for localhost, expired.pem and elsewhere.pem.
certificates() {
    local folder=$1
    [ -s "$folder/done" ] && return
    (
        cd "$folder" || exit 1
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 3650 \
            -subj "/CN=test authority" -addext "basicConstraints=critical,CA:TRUE"
        sign() {
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
            printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$2" >"$1.ext"
            openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile "$1.ext" -out "$1.crt" "${@:3}"
            cat "$1.crt" "$1.key" >"$1.pem"
            chmod 600 "$1.pem" "$1.key"
        }
        sign server "DNS:localhost,IP:127.0.0.1,IP:::1" -days 3650
        sign expired "DNS:localhost,IP:127.0.0.1" -days 0
        sign elsewhere "DNS:elsewhere.example" -days 3650
        echo 1 >done
    ) 2>/dev/null || fail "can't make certificates"
}

# wait_for PORT PID: until something answers there.
wait_for() {
    local n
    for n in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        kill -0 "$2" 2>/dev/null || fail "the server ended at once"
        sleep 0.05
    done
    fail "the server does not answer"
}
