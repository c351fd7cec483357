"""A small FTP server for tests, with the faults that are named on its command line; `pyftpd` beside it says which."""

import os
import sys
import time

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

folder, port, *faults = sys.argv[1:]
faults = dict(fault.split("=", 1) for fault in faults)
data = folder + "/data"
log = open(folder + "/log", "a", encoding="utf-8")
print(time.strftime("%Y-%m-%d %H:%M:%S"), file=log, flush=True)
tls = "tls" in faults
once = {"lost-226", "idle-421", "lost-rnto"} & faults.keys()


class Data(TLS_DTPHandler if tls else DTPHandler):
    def handle_close(self):
        if "short" in faults and self.receive and self.file_obj.tell() > 0:
            self.file_obj.truncate(self.file_obj.tell() - 1)
        super().handle_close()

    def close(self):
        if not self._closed and self.receive and self.transfer_finished:
            for fault, last in (("lost-226", None), ("idle-421", "421 Idle time exceeded, good-bye.")):
                if fault in once:
                    once.discard(fault)
                    self._resp = None
                    if self.file_obj is not None:
                        self.file_obj.close()
                    if last:
                        self.cmd_channel.respond(last)
                    self.cmd_channel.close_when_done()
        super().close()

    def _do_ssl_shutdown(self):
        if "truncated" in faults:
            return DTPHandler.close(self)
        return super()._do_ssl_shutdown()


class Producer:
    """Half of a file."""

    def __init__(self, file, size):
        self.file, self.left = file, size

    def more(self):
        chunk = self.file.read(min(self.left, 65536))
        self.left -= len(chunk)
        return chunk


class Handler(TLS_FTPHandler if tls else FTPHandler):
    dtp_handler = Data
    use_sendfile = False
    banner = "hello"
    timeout = 300
    auth_failed_timeout = 0.1

    def pre_process_command(self, line, cmd, arg):
        print(cmd, "" if cmd == "PASS" else arg, file=log, flush=True)
        super().pre_process_command(line, cmd, arg)

    def found_terminator(self):
        if "one-by-one" in faults:
            self.ac_in_buffer = b""
        super().found_terminator()

    def ftp_RNTO(self, path):
        if "no-rnto" in faults:
            return self.respond("550 Not today.")
        if "lost-rnto" in once:
            once.discard("lost-rnto")
            self.respond, answer = (lambda *args, **more: None), self.respond
            done = super().ftp_RNTO(path)
            self.respond = answer
            self.close()
            return done
        return super().ftp_RNTO(path)

    def ftp_REST(self, line):
        if "rest-ignored" in faults:
            return self.respond("350 Restarting.")
        return super().ftp_REST(line)

    def ftp_RETR(self, file):
        if "cut-retr" in faults:
            source = open(file, "rb")
            size = os.path.getsize(file)
            self.push_dtp_data(Producer(source, size // 2), isproducer=True, file=None, cmd="RETR")
            return file
        return super().ftp_RETR(file)


if "pasv-elsewhere" in faults:
    Handler.masquerade_address = "192.0.2.1"

unknown = {"no-size": ["SIZE"], "no-facts": ["MLST", "MLSD"], "no-rest": ["REST"], "no-epsv": ["EPSV"], "no-feat": ["FEAT"]}
Handler.proto_cmds = {
    name: how
    for name, how in Handler.proto_cmds.items()
    if not any(name in names for fault, names in unknown.items() if fault in faults)
}

users = DummyAuthorizer()
users.add_user("ann", open(folder + "/password", encoding="utf-8").read().strip(), data, perm="elradfmwMT")
Handler.authorizer = users
if tls:
    Handler.certfile = folder + "/server.pem"
    Handler.tls_control_required = Handler.tls_data_required = True
server = FTPServer(("127.0.0.1", int(port)), Handler)
if "max" in faults:
    server.max_cons = int(faults["max"]) + 1
server.serve_forever()
