"""A small FTP server for tests, with the faults that are named on its command line.

no-size, no-facts, no-rest, no-epsv, no-feat   the command is not known (SIZE; MLST and MLSD; REST; EPSV; FEAT)
rest-ignored       REST is answered as if it counted, and does not
pasv-elsewhere     PASV names another host
lost-226           the control connection is closed instead of the reply to the first upload, whose bytes arrived
idle-421           a 421 instead of that reply, then closed
lost-rnto          the first RNTO is done and its reply is lost
short              the last byte of each upload is dropped, and 226 said
cut-retr           a download ends in its middle, and 226 is said
no-rnto            RNTO is refused with 550
max=N              one connection more than N is answered by 421
log=FILE           every command, but for the password, as it came
"""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.servers import FTPServer

data, port, *faults = sys.argv[1:]
values = dict(fault.split("=", 1) for fault in faults if "=" in fault)
once = {"lost-226", "idle-421", "lost-rnto"} & set(faults)


class Data(DTPHandler):
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


class Producer:
    """Half of a file."""

    def __init__(self, file, size):
        self.file, self.left = file, size

    def more(self):
        chunk = self.file.read(min(self.left, 65536))
        self.left -= len(chunk)
        return chunk


class Handler(FTPHandler):
    dtp_handler = Data
    use_sendfile = False
    banner = "hello"
    timeout = 300
    auth_failed_timeout = 0.1

    def pre_process_command(self, line, cmd, arg):
        if "log" in values:
            with open(values["log"], "a", encoding="utf-8") as log:
                log.write(f"{cmd} {'' if cmd == 'PASS' else arg}\n")
        super().pre_process_command(line, cmd, arg)

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
            import os

            source = open(file, "rb")
            size = os.path.getsize(file)
            self.push_dtp_data(Producer(source, size // 2), isproducer=True, file=None, cmd="RETR")
            return file
        return super().ftp_RETR(file)

    def _make_epasv(self, extmode=False):
        super()._make_epasv(extmode)


if "pasv-elsewhere" in faults:
    Handler.masquerade_address = "192.0.2.1"

unknown = {"no-size": ["SIZE"], "no-facts": ["MLST", "MLSD"], "no-rest": ["REST"], "no-epsv": ["EPSV"], "no-feat": ["FEAT"]}
Handler.proto_cmds = {
    name: how
    for name, how in FTPHandler.proto_cmds.items()
    if not any(name in names for fault, names in unknown.items() if fault in faults)
}

users = DummyAuthorizer()
users.add_user("ann", "secret", data, perm="elradfmwMT")
Handler.authorizer = users
server = FTPServer(("127.0.0.1", int(port)), Handler)
if "max" in values:
    server.max_cons = int(values["max"]) + 1
server.serve_forever()
