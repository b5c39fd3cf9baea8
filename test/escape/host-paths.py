# Looks for the host's AF_UNIX sockets: by abstract names, by paths that do not show, and by a socket that is bound under a visible path
# after the start. Arguments: abstract name, path, path of the late socket.
import errno
import os
import socket
import sys

NAME, HIDDEN, LATE = sys.argv[1:4]
os.symlink(HIDDEN, "/tmp/link")
os.symlink(f"/proc/1/root{HIDDEN}", "/tmp/init")
print("result ready yes", flush=True)
sys.stdin.readline()


def attempt(name, address, kind=socket.SOCK_STREAM, send=False):
    try:
        sock = socket.socket(socket.AF_UNIX, kind)
        if send:
            sock.sendto(b"datagram", address)
        else:
            sock.connect(address)
            sock.send(name.encode())
        outcome = "ok"
    except OSError as error:
        outcome = errno.errorcode[error.errno]
    print("result", name, outcome, flush=True)


for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    attempt(f"abstract_{kind.name}", f"\0{NAME}", kind)
for name, path in {"path": HIDDEN, "self": f"/proc/self/root{HIDDEN}", "init": f"/proc/1/root{HIDDEN}", "link": "/tmp/link", "init_link": "/tmp/init", "dots": f"/usr/..{HIDDEN}"}.items():
    attempt(name, path)
for name, address in (("abstract_datagram", f"\0{NAME}"), ("datagram", LATE)):
    attempt(name, address, socket.SOCK_DGRAM, True)
attempt("late", LATE)
