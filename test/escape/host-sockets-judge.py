# Listens on AF_UNIX sockets of the host, bound in every way. Prints `ready`, then `heard NAME` for each connection. Arguments: folders.
import ctypes
import os
import selectors
import socket
import sys

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
selector = selectors.DefaultSelector()


def listen(sock, name):
    sock.listen(64)
    selector.register(sock, selectors.EVENT_READ, name)


def bound(path, name, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    listen(sock, name)


def fill(folder):
    os.chdir(folder)
    short = os.path.basename(folder)
    bound(f"{folder}/plain.sock", f"{short}/plain")
    bound(f"{folder}/packets.seq", f"{short}/packets", socket.SOCK_SEQPACKET)
    bound("relative.sock", f"{short}/relative")
    os.symlink(folder, f"{folder}-link")
    bound(f"{folder}-link/linked.sock", f"{short}/linked")
    bound(f"{folder}/before", f"{short}/renamed")
    os.rename("before", "renamed.sock")
    os.link("plain.sock", "hard-link.sock")
    os.symlink("plain.sock", "soft-link.sock")
    os.mkdir("ümläut")
    bound(f"{folder}/ümläut/a.sock", f"{short}/umlaut")
    for name in os.listdir("."):
        if name.endswith(".sock") or name.endswith(".seq"):
            os.chmod(name, 0o777)
    os.chmod("ümläut/a.sock", 0o777)
    bound(f"{folder}/private.sock", f"{short}/private")
    os.chmod("private.sock", 0o600)
    # stat(2) of the folder: its owner is the one who runs postern.
    os.chown("private.sock", os.stat(".").st_uid, os.stat(".").st_gid)


def from_other_namespace(folder):
    os.chdir(folder)
    here, there = socket.socketpair()
    if os.fork() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            os._exit(1)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind("other-namespace.sock")
        socket.send_fds(there, [b"x"], [sock.fileno()])
        os._exit(0)
    _, descriptors, _, _ = socket.recv_fds(here, 1, 1)
    listen(socket.socket(fileno=descriptors[0]), f"{os.path.basename(folder)}/namespace")
    os.chmod("other-namespace.sock", 0o777)


for folder in sys.argv[1:]:
    fill(folder)
    from_other_namespace(folder)
print("ready", flush=True)
sys.stdin.readline()
for folder in sys.argv[1:]:
    bound(f"{folder}/late.sock", f"{os.path.basename(folder)}/late")
    os.chmod(f"{folder}/late.sock", 0o777)
print("late", flush=True)
while True:
    for key, _ in selector.select():
        key.fileobj.accept()[0].close()
        print("heard", key.data, flush=True)
