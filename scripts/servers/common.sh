# Sourced by the scripts of servers beside it: what they share. Not run by itself.
#
# Each is called `SCRIPT [--until-eof] [option=value | flag]... FOLDER [PORT]`, prints lines `name=value` when its server
# answers, the last one `ready=yes`, and runs until its pid is killed; --until-eof: until its standard input ends, too.
# Then the server is gone, with the process of each connection and the users that were made for it.
#
# FOLDER is made if it is missing, and used again if not (same keys, data, password): so a server "comes back". Its log
# is FOLDER/log.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tools=${OFFSITE_TEST_TOOLS:-/var/tmp/offsite-test-tools}
declare -A given=()
users=() server='' input=''

fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# arguments "OPTION= FLAG..." WORD...: what the script was called with, as $until_eof, $given, $folder and $port.
arguments() {
  local known=" $1 "
  shift
  until_eof=no
  while [ $# -gt 0 ]; do
    case $1 in
      --until-eof) until_eof=yes ;;
      *=*) [[ $known == *" ${1%%=*}= "* ]] || fail "no such option: $1"; given[${1%%=*}]=${1#*=} ;;
      *) [[ $known == *" $1 "* ]] || break; given[$1]=yes ;;
    esac
    shift
  done
  [ $# -ge 1 ] && [ $# -le 2 ] || { usage; exit 2; }
  trap 'stop $?' EXIT
  trap 'stop 0' TERM INT
  mkdir -p "$1"
  folder=$(cd "$1" && pwd)
  chmod 755 "$folder"
  port=${2:-$("$here/free-ports")}
}

# alone COMMAND...: one script at a time changes the system.
alone() {
  local status=0
  exec 9>/run/lock/offsite-test-servers
  flock 9
  "$@" || status=$?
  exec 9>&-
  return $status
}

# need FILE PACKAGE...: installs Debian packages if a file of theirs is missing.
need() {
  local file=$1
  shift
  [ -e "$file" ] || alone install_packages "$@" >&2 || fail "can't install $*"
}

install_packages() {
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  "${get[@]}" install -y --no-install-recommends "$@" || { "${get[@]}" update && "${get[@]}" install -y --no-install-recommends "$@"; }
}

# python_with NAME PACKAGE==VERSION...: $python is one that has these packages, made once for all.
python_with() {
  local place=$tools/$1
  shift
  mkdir -p "$place"
  exec 8>"$place/lock"
  flock 8
  [ "$(cat "$place/ready" 2>/dev/null)" = "$*" ] || {
    python3 -m venv "$place" && "$place/bin/pip" install -q "$@" && echo "$*" >"$place/ready"
  } >&2 || fail "can't install $*"
  exec 8>&-
  python=$place/bin/python
}

# secret FILE: makes it once, for us only.
secret() {
  [ -s "$1" ] || head -c 18 /dev/urandom | base64 | tr '+/' 'xy' >"$1"
  chmod 600 "$1"
}

# A number for names of users that is this folder's own.
number() {
  [ -f "$folder/number" ] || echo $$ >"$folder/number"
  cat "$folder/number"
}

# new_user NAME SHELL: one that logs in with FOLDER/password, for as long as this script runs.
new_user() {
  [ "$(id -u)" = 0 ] || fail "only root can make the users that log in"
  secret "$folder/password"
  users+=("$1")
  alone add_user "$1" "$2"
}

add_user() {
  # Users of servers that were killed before they could remove them: the comment is the pid of their script.
  local name pid
  while IFS=: read -r name _ _ _ pid _; do
    case "$name:$pid" in offsite-[a-z]-*:[0-9]*) [ -d "/proc/$pid" ] || remove_users "$name" ;; esac
  done </etc/passwd
  useradd --no-log-init --no-create-home --home-dir / --comment $$ --shell "$2" \
    --password "$(openssl passwd -6 -in "$folder/password")" "$1"
}

remove_users() { # NAME...
  local name
  for name; do
    userdel -f "$name" 2>/dev/null || true
    rm -f "/etc/pam.d/$name"
  done
}

# at_clock OFFSET: what `env` needs, a line each, so that a program's clock is off by so much.
at_clock() {
  need "$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null || echo none)" libfaketime
  printf '%s\n' "LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1)" "FAKETIME=$1" DONT_FAKE_MONOTONIC=1
}

# certificates: an authority, ca.pem, and of it NAME.crt and NAME.key: server for this computer, expired, and elsewhere
# for another name.
certificates() {
  [ -e "$folder/certificates" ] && return
  make_certificates 2>"$folder/certificates.log" || fail "can't make certificates: $(cat "$folder/certificates.log")"
  touch "$folder/certificates"
}

make_certificates() (
  cd "$folder"
  curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${curve[@]}" -keyout ca.key -out ca.pem -days 3650 -subj "/CN=test authority" \
    -addext "basicConstraints=critical,CA:TRUE" || exit
  sign() { # NAME ALTERNATIVE-NAMES [VARIABLE=VALUE]...
    openssl req "${curve[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" || exit
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$2" >"$1.ext"
    env "${@:3}" openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile "$1.ext" -out "$1.crt" \
      -days 30 || exit
    chmod 600 "$1.key"
  }
  sign server "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2,IP:::1"
  sign elsewhere "DNS:elsewhere.example"
  sign expired "DNS:localhost,IP:127.0.0.1" $(at_clock -90d)
)

# start [VARIABLE=VALUE]... COMMAND...: runs the server in the background, and waits until it answers at $port.
start() {
  local address=${given[address]:-127.0.0.1}
  env "$@" >>"$folder/out" 2>&1 </dev/null &
  server=$!
  for _ in $(seq 1200); do
    ! (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  fail "the server does not answer: $(cat "$folder/out")"
}

# serve [NAME VALUE]...: tells that the server is ready, and what its clients must know; then waits for the end.
serve() {
  printf '%s=%s\n' port "$port" pid $$ "$@" ready yes
  if [ "$until_eof" = yes ]; then
    cat >/dev/null <&0 &
    input=$!
    wait -n || true
  else
    wait "$server" || true
  fi
  exit 0
}

tree() { # the processes below a pid, and itself
  local below
  for below in $(pgrep -P "$1"); do tree "$below"; done
  echo "$1"
}

stop() { # STATUS
  trap - EXIT TERM INT
  if [ -n "$server" ]; then
    # It makes no more processes for connections; those there are sessions of their own, and would live on.
    kill -STOP "$server" 2>/dev/null || true
    kill -KILL $(tree "$server") 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  [ -z "$input" ] || kill "$input" 2>/dev/null || true
  [ ${#users[@]} = 0 ] || alone remove_users "${users[@]}"
  if [ "$(type -t clean_up)" = function ]; then clean_up; fi
  exit "$1"
}
