# The beginning of every hostile program of this folder: its handed-over socket, raw system calls, and its report.
# The tests put it after postern_client.py, into one source.
import array
import ctypes
import errno
import os
import select
import socket
import struct
import sys
import time

# REFUSING is allowed too, and no program listens there.
ALLOWED, FORBIDDEN, REFUSING = (int(port) for port in sys.argv[1:4])
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
        "bind": (49, 200), "listen": (50, 201), "setsockopt": (54, 208), "getsockopt": (55, 209), "recvmsg": (47, 212),
        "ioctl": (16, 29), "clone": (56, 220),
        "unshare": (272, 97), "setns": (308, 268), "ptrace": (101, 117), "keyctl": (250, 219), "add_key": (248, 217),
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "mount": (165, 40),
        "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438), "clone3": (435, 435), "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426), "open_tree": (428, 428), "fsopen": (430, 430), "seccomp": (317, 277),
        "socketpair": (53, 199), "chroot": (161, 51), "pivot_root": (155, 41), "request_key": (249, 218),
        "adjtimex": (159, 171), "quotactl": (179, 60), "personality": (135, 92),
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
    sock.settimeout(30)
    assert sock.recv(100) == b"welcome\n"
    sock.setblocking(True)
    return sock


def disconnect(sock):
    """connect(AF_UNSPEC): the first step of every turn."""
    return call("connect", sock.fileno(), AF_UNSPEC_ADDRESS, 16)[1]


def inherited():
    """The listener of the host that it was started with."""
    return socket.socket(fileno=3)


def called(listener):
    """A socket that the listener accepted. It asks a client outside to connect."""
    print("call", listener.getsockname()[1], flush=True)
    listener.settimeout(30)
    sock, _ = listener.accept()
    sock.setblocking(True)
    return sock


def trapped(port):
    """A socket of the host's that its own connect(2) got it: connected, or refused and connected to nobody. None where that is refused."""
    sock = socket.socket()
    sock.setblocking(False)
    if sock.connect_ex(("127.0.0.1", port)) != errno.EINPROGRESS:
        return None
    select.select([], [sock], [], 30)
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    sock.setblocking(True)
    return sock


def every_socket():
    """Pairs of kind and socket: all that a plugin can hold. The listener comes last, since a turned one takes no callers."""
    yield "channel", handed_over()
    for kind, port in (("trap", ALLOWED), ("failed", REFUSING)):
        if (sock := trapped(port)) is not None:
            yield kind, sock
    listener = inherited()
    yield "accepted", called(listener)
    yield "output", socket.socket(fileno=os.dup(1))
    for kind, family, type in (("tcp", 2, 1), ("tcp6", 10, 1), ("udp", 2, 2), ("unix", 1, 1), ("netlink", 16, 3)):
        yield kind, socket.socket(family, type)
    yield "listener", listener


def in_every_way(behave):
    """Calls behave(name, socket) with every socket: in this process, a child, a program, and one that got it by SCM_RIGHTS."""
    if "POSTERN_SOCKET" in os.environ:
        name, number = os.environ["POSTERN_SOCKET"].split(" ")
        behave(name, socket.socket(fileno=int(number)))
        os._exit(0)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        here.close()
        while True:
            name, rights, _, _ = there.recvmsg(100, socket.CMSG_SPACE(4))
            if not name:
                os._exit(0)
            behave(name.decode(), socket.socket(fileno=array.array("i", rights[0][2])[0]))
            there.send(b"done")
    there.close()
    _, _, source = open("/proc/self/cmdline").read().split("\0")[:3]
    for kind, sock in every_socket():
        behave(f"{kind}/same", sock)
        if os.fork() == 0:
            behave(f"{kind}/fork", sock)
            os._exit(0)
        os.wait()
        os.set_inheritable(sock.fileno(), True)
        if os.fork() == 0:
            os.environ["POSTERN_SOCKET"] = f"{kind}/exec {sock.fileno()}"
            os.execv(sys.executable, [sys.executable, "-c", source, *sys.argv[1:]])
        os.wait()
        here.sendmsg([f"{kind}/rights".encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
        here.recv(100)
