# What a plugin can do with its notify socket. "reach PATH": sends to an AF_UNIX datagram socket of the host in every way, and connects to it. "look": tells
# what the socket says about its other end. "flood SECONDS": sends messages with descriptors as fast as they are taken. "give PATH" and "take PATH": one plugin
# gives its socket to another one, by a server of the host that a rule allows.
import array
import ctypes
import errno
import os
import socket
import struct
import sys
import time

WHAT, *MORE = sys.argv[1:]
NOTIFY = os.environ.get("NOTIFY_SOCKET", "none")
libc = ctypes.CDLL(None, use_errno=True)


def said(call, *arguments):
    try:
        result = call(*arguments)
        return "ok" if result is None else result
    except OSError as error:
        return errno.errorcode[error.errno]


def result(name, value):
    print("result", name, value, flush=True)


def made():
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def sendmmsg(sock, text, path):
    name = ctypes.create_string_buffer(struct.pack("=H", socket.AF_UNIX) + path.encode() + b"\0")
    body = ctypes.create_string_buffer(text)
    parts = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(body), len(text)), 16)
    header = struct.pack("=QI4xQQQQi4xI4x", ctypes.addressof(name), len(name.raw) - 1, ctypes.addressof(parts), 1, 0, 0, 0, 0)
    if libc.sendmmsg(sock.fileno(), ctypes.create_string_buffer(header, len(header)), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "sendmmsg")


def reach(path):
    ways = {
        "sendto": lambda: made().sendto(b"sendto", path),
        "sendmsg": lambda: made().sendmsg([b"sendmsg"], [], 0, path),
        "sendmmsg": lambda: sendmmsg(made(), b"sendmmsg", path),
        "connect": lambda: made().connect(path),
        "send": lambda: made().send(b"send"),
    }
    for name, way in ways.items():
        outcome = said(way)
        result(name, "ok" if isinstance(outcome, int) else outcome)


def look(sock):
    result("type", sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
    result("names", f"{sock.getsockname()!r} {said(sock.getpeername)!r}")
    result("credentials", struct.unpack("=iii", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)))
    result("receives", said(sock.recv, 10, socket.MSG_DONTWAIT))
    result("listens", said(sock.listen, 1))
    result("connects", said(sock.connect, NOTIFY))


def flood(seconds):
    sock, sent, end = made(), 0, time.monotonic() + int(seconds)
    body = b"STATUS=" + b"x" * 3000
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2, sock.fileno()] * 8))]
    while time.monotonic() < end:
        try:
            sock.sendmsg([body], rights, socket.MSG_DONTWAIT)
            sent += 1
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ETOOMANYREFS):
                raise
            time.sleep(0.0005)
    result("sent", sent)
    time.sleep(1000)


def partner(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return sock


if WHAT == "reach":
    reach(*MORE)
elif WHAT == "look":
    look(made())
elif WHAT == "flood":
    flood(*MORE)
elif WHAT == "give":
    with partner(*MORE) as server:
        given = made()
        socket.send_fds(server, [b"x"], [given.fileno()])
        given.sendto(b"READY=1", NOTIFY)
        server.recv(1)
elif WHAT == "take":
    with partner(*MORE) as server:
        _, descriptors, _, _ = socket.recv_fds(server, 1, 1)
        taken = socket.socket(fileno=descriptors[0])
        look(taken)
        result("sends", said(taken.send, b"STATUS=from another sandbox"))
    time.sleep(1000)
