# Sends to an AF_UNIX datagram socket of the host that it sees, in every way: from a new socket, and from one of a pair, which has a peer
# already, also after that peer has left. It does the same with pairs of the other types, and to a socket of packets that listens.
# Arguments: the two paths.
import ctypes
import errno
import os
import socket
import struct
import sys

PATH, PACKETS = sys.argv[1:3]
libc = ctypes.CDLL(None, use_errno=True)


def named(path):
    return ctypes.create_string_buffer(struct.pack("=H", socket.AF_UNIX) + path.encode() + b"\0")


def sendmmsg(sock, text, path):
    """The calls of Python have none with many messages."""
    name = named(path)
    body = ctypes.create_string_buffer(text)
    parts = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(body), len(text)), 16)
    header = struct.pack("=QI4xQQQQi4xI4x", ctypes.addressof(name), len(name.raw) - 1, ctypes.addressof(parts), 1, 0, 0, 0, 0)
    if libc.sendmmsg(sock.fileno(), ctypes.create_string_buffer(header, len(header)), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "sendmmsg")


def connected(sock, text, path):
    sock.connect(path)
    sock.send(text)


def pair(kind):
    """One of two sockets. The other stays open."""
    pairs.append(socket.socketpair(socket.AF_UNIX, kind))
    return pairs[-1][0]


def shut():
    sock = pair(socket.SOCK_DGRAM)
    sock.shutdown(socket.SHUT_RDWR)
    return sock


def left():
    sock = pair(socket.SOCK_DGRAM)
    pairs[-1][1].close()
    return sock


def unspecified():
    sock = pair(socket.SOCK_DGRAM)
    libc.connect(sock.fileno(), bytes(16), 16)
    return sock


pairs = []
WAYS = {
    "sendto": lambda sock, text, path: sock.sendto(text, path),
    "sendmsg": lambda sock, text, path: sock.sendmsg([text], [], 0, path),
    "sendmmsg": sendmmsg,
    "connect": connected,
}
MAKES = {
    "new": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "pair": lambda: pair(socket.SOCK_DGRAM),
    "shut": shut,
    "left": left,
    "unspecified": unspecified,
    "packets": lambda: pair(socket.SOCK_SEQPACKET),
    "stream": lambda: pair(socket.SOCK_STREAM),
}
for made, make in MAKES.items():
    for way, send in WAYS.items():
        outcomes = []
        for path in (PATH, PACKETS):
            try:
                send(make(), f"{made}/{way}".encode(), path)
                outcomes.append("ok")
            except OSError as error:
                outcomes.append(errno.errorcode[error.errno])
        print("result", f"{made}/{way}", outcomes[0], flush=True)
