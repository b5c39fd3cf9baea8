# A server started by socket activation, with the standard library: it takes its listeners as sd_listen_fds(3) does, answers
# so many callers on each, and ends. Arguments: callers, and what to do with each listener before (serve, shutdown, lock).
import os
import socket
import sys

count, act = int(sys.argv[1]), sys.argv[2]


def listen_fds():
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ["LISTEN_FDNAMES"].split(":")
    fds = range(3, 3 + int(os.environ["LISTEN_FDS"]))
    assert len(names) == len(fds)
    return {name: socket.socket(fileno=fd) for name, fd in zip(names, fds)}


doors = listen_fds()
for name, door in doors.items():
    print("listener", name, door.family.name, door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), os.get_blocking(door.fileno()), flush=True)
    try:
        door.listen(1)
    except OSError as error:
        print("listen", error.errno, flush=True)
    if act == "shutdown":
        door.shutdown(socket.SHUT_RDWR)
    if act == "lock":
        door.setsockopt(socket.SOL_SOCKET, 44, 1)  # SO_LOCK_FILTER
    if act == "change":
        os.set_blocking(door.fileno(), False)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes([1, 0, 0, 0, 0, 0, 0, 0]) + bytes(8))
        if door.family != socket.AF_UNIX:
            door.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
for name, door in doors.items():
    if door.family != socket.AF_UNIX:
        print("options", door.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT), door.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT), flush=True)
    for number in range(count):
        caller, _ = door.accept()
        caller.sendall(b"served inside by " + name.encode() + b"\n")
        caller.close()
print("channel", os.environ["POSTERN_REQUEST_FD"], os.environ["POSTERN_REPLY_FD"], flush=True)
