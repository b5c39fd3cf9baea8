# Tries resources of the host that are not sockets of its network: inherited descriptors, System V and POSIX IPC, processes.
# Arguments: a pid of the host, and the name and the key of the host's IPC.
import ctypes
import errno
import os
import signal
import socket
import struct
import sys

HOST_PID, NAME, KEY = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
libc = ctypes.CDLL(None, use_errno=True)


def result(name, value):
    print("result", name, value, flush=True)


def said(value):
    return "ok" if value >= 0 else errno.errorcode[ctypes.get_errno()]


def tried(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"


result("ready", "yes")
result("descriptors", " ".join(sorted((fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")), key=int)))
result("shm", said(libc.shmget(KEY, 0, 0)))
result("msg", said(libc.msgget(KEY, 0)))
result("sem", said(libc.semget(KEY, 0, 0)))
result("mqueue", said(libc.mq_open(f"/{NAME}".encode(), os.O_RDONLY)))
result("dev_shm", tried(lambda: os.stat(f"/dev/shm/{NAME}")))
result("sigqueue", said(libc.sigqueue(HOST_PID, 0, None)))
for name, act in {
    "kill": lambda: os.kill(HOST_PID, 0),
    "pidfd": lambda: os.pidfd_open(HOST_PID),
    "proc": lambda: os.stat(f"/proc/{HOST_PID}"),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, HOST_PID, 19),
}.items():
    result(name, tried(act))
# The process that made the socket pair of this program's output, by its pidfd (Linux 6.5).
SO_PEERPIDFD, PIDFD_GET_NET_NAMESPACE, PIDFD_SEND_SIGNAL, PIDFD_GETFD = 77, 0xFF04, 424, 438
try:
    handle = struct.unpack("i", socket.socket(fileno=os.dup(1)).getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4))[0]
except OSError:
    handle = -1
if handle >= 0:
    result("peer_signal", said(libc.syscall(PIDFD_SEND_SIGNAL, handle, 0, None, 0)))
    result("peer_file", said(libc.syscall(PIDFD_GETFD, handle, 0, 0)))
    result("peer_enter", said(libc.setns(handle, 0x4000000)))
    result("peer_network", said(libc.ioctl(handle, PIDFD_GET_NET_NAMESPACE, 0)))
# Signals every process that it may signal. Only in its own pid namespace, where it sees no parent: elsewhere it would end the host's.
if os.getppid() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        os.kill(-1, signal.SIGTERM)
    except ProcessLookupError:
        pass  # There is nobody else
