# Sends to an AF_UNIX datagram socket of the host that it sees, in every way: from a new socket, and from one of a pair, which has a peer
# already. It does the same with pairs of the other types. Argument: the path.
import ctypes
import errno
import os
import socket
import struct
import sys

PATH = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
NAME = ctypes.create_string_buffer(struct.pack("=H", socket.AF_UNIX) + PATH.encode() + b"\0")


def sendmmsg(sock, text):
    """The calls of Python have none with many messages."""
    body = ctypes.create_string_buffer(text)
    parts = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(body), len(text)), 16)
    header = struct.pack("=QI4xQQQQi4xI4x", ctypes.addressof(NAME), len(NAME.raw) - 1, ctypes.addressof(parts), 1, 0, 0, 0, 0)
    if libc.sendmmsg(sock.fileno(), ctypes.create_string_buffer(header, len(header)), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "sendmmsg")


def connected(sock, text):
    sock.connect(PATH)
    sock.send(text)


def pair(kind):
    """One of two sockets. The other stays open."""
    pairs.append(socket.socketpair(socket.AF_UNIX, kind))
    return pairs[-1][0]


pairs = []
WAYS = {
    "sendto": lambda sock, text: sock.sendto(text, PATH),
    "sendmsg": lambda sock, text: sock.sendmsg([text], [], 0, PATH),
    "sendmmsg": sendmmsg,
    "connect": connected,
}
MAKES = {
    "new": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "pair": lambda: pair(socket.SOCK_DGRAM),
    "packets": lambda: pair(socket.SOCK_SEQPACKET),
    "stream": lambda: pair(socket.SOCK_STREAM),
}
for made, make in MAKES.items():
    for way, send in WAYS.items():
        try:
            send(make(), f"{made}/{way}".encode())
            outcome = "ok"
        except OSError as error:
            outcome = errno.errorcode[error.errno]
        print("result", f"{made}/{way}", outcome, flush=True)
