# What every hostile program of this folder begins with: its handed-over socket, raw system calls, and its report.
# It stands behind postern_client.py in one source.
import ctypes
import errno
import os
import socket
import struct
import sys
import time

ALLOWED, FORBIDDEN = int(sys.argv[1]), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
channel = None
AF_UNSPEC_ADDRESS = struct.pack("=H14x", 0)
X86 = os.uname().machine == "x86_64"
# x86-64 numbers, then arm64's.
NR = {
    name: numbers[0 if X86 else 1]
    for name, numbers in {
        "socket": (41, 198), "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
        "bind": (49, 200), "listen": (50, 201), "setsockopt": (54, 208), "getsockopt": (55, 209), "ioctl": (16, 29), "clone": (56, 220),
        "unshare": (272, 97), "setns": (308, 268), "ptrace": (101, 117), "keyctl": (250, 219), "add_key": (248, 217),
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "mount": (165, 40),
        "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438), "clone3": (435, 435), "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426), "open_tree": (428, 428), "fsopen": (430, 430), "seccomp": (317, 277),
        "socketpair": (53, 199), "chroot": (161, 51), "pivot_root": (155, 41), "request_key": (249, 218),
    }.items()
}


def result(name, value):
    print("result", name, value, flush=True)


def ready():
    result("ready", "yes")


def name_of(code):
    # Python prefers the second name of EOPNOTSUPP.
    return "EOPNOTSUPP" if code == errno.EOPNOTSUPP else errno.errorcode.get(code, str(code))


def call(name, *args):
    """A raw system call with 64-bit arguments: (value, errno name or 'ok')."""
    longs = [a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args]
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(NR[name]), *longs)
    return value, "ok" if value >= 0 else name_of(ctypes.get_errno())


def address(port, host="127.0.0.1"):
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def handed_over():
    """A connected socket from the broker, blocking, its welcome read."""
    global channel
    channel = channel or Channel.from_environment()
    sock = channel.connect("127.0.0.1", ALLOWED)
    sock.settimeout(5)
    assert sock.recv(100) == b"welcome\n"
    sock.setblocking(True)
    return sock


def disconnect(sock):
    """connect(AF_UNSPEC): the first step of every turn."""
    return call("connect", sock.fileno(), AF_UNSPEC_ADDRESS, 16)[1]


def inherited():
    """The listener of the host that it was started with."""
    return socket.socket(fileno=3)


def called(door):
    """A socket that the listener accepted: somebody outside is asked to call."""
    print("call", door.getsockname()[1], flush=True)
    door.settimeout(5)
    sock, _ = door.accept()
    sock.setblocking(True)
    return sock
