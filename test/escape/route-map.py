# Asks the error queue of a socket that still connects which router sends its packets back: a map of the host's network.
import ctypes
import errno
import os
import select
import socket
import sys
import time

IP_TTL, IP_RECVERR, MSG_ERRQUEUE = 2, 11, 0x2000
HIGH = 1 << 40
RECVMSG = 47 if os.uname().machine == "x86_64" else 212
sock = socket.socket()
sock.setblocking(False)
sock.setsockopt(socket.IPPROTO_IP, IP_TTL, 1)
print("result connect", errno.errorcode[sock.connect_ex((sys.argv[1], 80))], flush=True)
sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
sock.setsockopt(socket.IPPROTO_IP, IP_TTL, 1)
routers = set()
answers = set()
for _ in range(30):
    try:
        _, [(_, _, error)], _, _ = sock.recvmsg(100, 512, MSG_ERRQUEUE)
        # struct sock_extended_err, then the address of the error's sender.
        routers.add(socket.inet_ntoa(error[20:24]))
        break
    except OSError as problem:
        answers.add(errno.errorcode[problem.errno])
    time.sleep(0.05)
print("result routers", " ".join(routers) or "none")
print("result answers", " ".join(sorted(answers)) or "none")
# An attempt that such an error has ended. The router answers a later packet of it, which has another TTL than the first.
late = socket.socket()
late.setblocking(False)
late.connect_ex((sys.argv[1], 80))
late.setsockopt(socket.IPPROTO_IP, IP_TTL, 1)
watch = select.poll()
watch.register(late, 0)
ended = False
for _ in range(400):
    # The error of the first packet may be told before the end is.
    ended = any(events & select.POLLHUP for _, events in watch.poll(50))
    if ended:
        break
    time.sleep(0.05)
try:
    late.recvmsg(100, 512, MSG_ERRQUEUE)
except OSError:
    pass
print("result ended", "with", errno.errorcode.get(late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) if ended else "not")
libc = ctypes.CDLL(None, use_errno=True)
room = ctypes.create_string_buffer(512)
for name, call in {
    "recvfrom": lambda: libc.recv(sock.fileno(), room, 100, MSG_ERRQUEUE),
    "recvmmsg": lambda: libc.recvmmsg(sock.fileno(), room, 1, MSG_ERRQUEUE, None),
    "recvmsg_high": lambda: libc.syscall(RECVMSG, ctypes.c_long(sock.fileno()), room, ctypes.c_long(HIGH | MSG_ERRQUEUE)),
}.items():
    ctypes.set_errno(0)
    print("result", name, "ok" if call() >= 0 else errno.errorcode[ctypes.get_errno()])
