# A server started by socket activation, with the standard library: it takes its listeners as sd_listen_fds(3) does, answers
# some clients on each, and ends. Arguments: the number of clients, and what to do with each listener first (serve, shutdown, lock).
import os
import socket
import struct
import sys

count, act = int(sys.argv[1]), sys.argv[2]


def listen_fds():
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ["LISTEN_FDNAMES"].split(":")
    fds = range(3, 3 + int(os.environ["LISTEN_FDS"]))
    assert len(names) == len(fds)
    return {name: socket.socket(fileno=fd) for name, fd in zip(names, fds)}


listeners = listen_fds()
for name, listener in listeners.items():
    print("listener", name, listener.family.name, listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), os.get_blocking(listener.fileno()), flush=True)
    try:
        listener.listen(1)
    except OSError as error:
        print("listen", error.errno, flush=True)
    if act == "shutdown":
        listener.shutdown(socket.SHUT_RDWR)
    if act == "lock":
        listener.setsockopt(socket.SOL_SOCKET, 44, 1)  # SO_LOCK_FILTER
    if act == "change":
        os.set_blocking(listener.fileno(), False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes([1, 0, 0, 0, 0, 0, 0, 0]) + bytes(8))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
for name, listener in listeners.items():
    if listener.family != socket.AF_UNIX:
        print("options", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT), listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT), struct.unpack("ii", listener.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0], flush=True)
    for number in range(count):
        caller, _ = listener.accept()
        caller.sendall(b"served inside by " + name.encode() + b"\n")
        caller.close()
print("channel", os.environ["POSTERN_REQUEST_FD"], os.environ["POSTERN_REPLY_FD"], flush=True)
