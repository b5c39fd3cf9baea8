# Shows how a program can notice the trap. It prints one line for each difference.
import ctypes
import errno
import mmap
import os
import resource
import select
import socket
import struct
import sys
import threading
import time

OPEN, CLOSED, UDP = (int(word) for word in sys.argv[1:4])
HOST_PATH, HOST_NAME = sys.argv[4:6]


def said(call, *args):
    try:
        return call(*args) or "ok"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))


def peer(sock):
    return said(lambda: sock.getpeername() and None)


def line(*words):
    print(*words, flush=True)


host = ("127.0.0.1", OPEN)

# epoll: the watch ends with the program's own socket, and reports nothing about the connection.
sock = socket.socket()
sock.setblocking(False)
watch = select.epoll()
watch.register(sock, select.EPOLLOUT)
sock.connect_ex(host)
select.select([], [sock], [], 20)
# The broker closes its duplicate a moment after its answer. Until then the watch reports a hang-up of the old socket.
for _ in range(1000):
    if not watch.poll(0):
        break
    time.sleep(0.02)
before, later = watch.poll(0.5), watch.poll(0.1)
line("epoll before connect:", before + later)
line("the watch is gone:", said(watch.modify, sock, select.EPOLLOUT))
watch.register(sock, select.EPOLLOUT)
line("a new one:", ["out" for _, event in watch.poll(1) if event & select.EPOLLOUT])

# A duplicate that another process got before the connect.
sock, (mine, theirs) = socket.socket(), socket.socketpair()
if os.fork() == 0:
    mine.close()
    theirs.recv(1)
    theirs.send(peer(sock).encode())
    os._exit(0)
theirs.close()
sock.connect(host)
mine.send(b"x")
line("here:", peer(sock), "in another process:", mine.recv(100).decode())
os.wait()

# A table with more descriptors than the broker searches for duplicates.
many = [os.dup(0) for _ in range(100)]
sock = socket.socket()
other = socket.socket(fileno=os.dup(sock.fileno()))
sock.connect(host)
line("a large table, here:", peer(sock), "a duplicate:", peer(other))
for number in many:
    os.close(number)

# bind(2) before connect(2).
sock = socket.socket()
sock.bind(("127.0.0.5", 0))
sock.connect(host)
line("bound before:", sock.getsockname()[0])

# A socket of the host cannot connect to another peer.
line("own loopback on it:", said(sock.connect, ("127.0.0.1", CLOSED)))
line("bind on it:", said(sock.bind, ("127.0.0.1", 0)), "listen:", said(sock.listen, 1))
nobody, nobody6 = socket.socket(), socket.socket(socket.AF_INET6)
line("what no rule allows:", said(nobody.connect, ("192.0.2.1", 80)), said(nobody6.connect, ("2001:db8::1", 80)))

# UDP to the outside.
for number in range(3):
    udp = socket.socket(type=socket.SOCK_DGRAM)
    results = said(udp.connect, ("192.0.2.7", UDP)), said(udp.sendto, b"data", ("192.0.2.7", UDP))
line("UDP outside:", *results)
line("UDP to the host's loopback:", said(udp.sendto, b"data", ("127.0.0.1", UDP)) == 4)

# IP_RECVERR stays off, and the error queue empty. The error comes by recv(2), or by a read of the queue.
IP_RECVERR, MSG_ERRQUEUE = 11, 0x2000
closed = socket.socket(type=socket.SOCK_DGRAM)
closed.bind(("127.0.0.1", 0))
port = closed.getsockname()[1]
closed.close()
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.setblocking(False)
line("IP_RECVERR:", said(udp.setsockopt, socket.IPPROTO_IP, IP_RECVERR, 1), "it is", udp.getsockopt(socket.IPPROTO_IP, IP_RECVERR))
udp.sendto(b"data", ("127.0.0.1", port))
line("not connected:", select.select([udp], [], [], 0)[0], said(udp.recv, 1))
udp.connect(("127.0.0.1", port))
udp.send(b"data")
watch = select.poll()
watch.register(udp, 0)
reports = lambda: "err" if watch.poll(0) else "nothing"
line("recv:", said(udp.recv, 1), "poll:", reports(), "the error queue:", said(udp.recvmsg, 1, 512, MSG_ERRQUEUE))
udp.send(b"data")
line("poll:", reports(), "the error queue:", said(udp.recvmsg, 1, 512, MSG_ERRQUEUE), "poll:", reports(), "recv:", said(udp.recv, 1))


def wakes():
    """How often poll(2) reports an error to a program that then reads the error queue alone."""
    found = []
    while watch.poll(0 if found else 5000) and len(found) < 1000:
        found.append(said(udp.recvmsg, 1, 512, MSG_ERRQUEUE))
    return [len(found), *dict.fromkeys(found)]


udp.send(b"data")
line("wakes by one refused datagram:", *wakes())
closed = socket.socket(type=socket.SOCK_DGRAM)
closed.bind(("127.0.0.1", port))
SO_TIMESTAMPING, SENT = 37, 256 | 2
for number in range(3):
    udp.sendmsg([b"data"], [(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("=I", SENT))])
line("wakes by three time stamps:", *wakes())
udp = socket.socket()
udp.connect(host)
watch = select.poll()
watch.register(udp, 0)
udp.sendmsg([b"data"], [(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("=I", SENT))])
line("wakes by one on a connection:", *wakes())

# A connection keeps its error, and an AF_UNIX socket its data: it has no error queue.
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
served = server.accept()[0]
served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
served.close()
select.select([client], [], [])
line("a reset connection, the error queue:", said(client.recvmsg, 1, 512, MSG_ERRQUEUE), "recv:", said(client.recv, 1))
mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
theirs.send(b"x")
line("AF_UNIX, the error queue:", said(mine.recvmsg, 1, 512, MSG_ERRQUEUE), "recv:", said(mine.recv, 1))
line("no socket:", said(lambda: socket.socket(fileno=os.pipe()[0]).recvmsg(1, 512, MSG_ERRQUEUE)))

# AF_UNIX: the host's sockets are missing, and a client cannot read the server's pid.
unix = socket.socket(socket.AF_UNIX)
line("the host's path:", said(unix.connect, HOST_PATH), "abstract:", said(unix.connect, "\0" + HOST_NAME))
line("datagrams:", said(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) and None))
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in (b"one", b"two"):
    one.sendto(text, "/nobody")
line("a pair of them:", other.recv(100), other.recv(100), "SO_TYPE:", one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), "named:", len(one.getsockname()) == 6)
other.close()
line("its peer has left, recv:", one.recv(100), "send:", said(one.send, b"x"))
# With room for one more descriptor, one of the pair stays behind, and is dead.
old = resource.getrlimit(resource.RLIMIT_NOFILE)
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, old[1]))
result = said(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)
resource.setrlimit(resource.RLIMIT_NOFILE, old)
watch = select.poll()
watch.register(free, 0)
line("a pair, and room for one:", result, "left behind:", "a dead socket" if watch.poll(0) == [(free, select.POLLHUP)] else watch.poll(0))
os.close(free)
# Another thread takes the memory away before the numbers are there: both sockets stay behind, and are dead.
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
PLACE, MAP_FIXED, SIZE = 0x300000000000, 0x10, 4096
taking = True


def take_memory():
    while taking:
        libc.mmap(PLACE, SIZE, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED, -1, 0)
        time.sleep(0.0003)
        libc.munmap(ctypes.c_void_p(PLACE), SIZE)
        time.sleep(0.0003)


free = os.dup(0)
os.close(free)
thread = threading.Thread(target=take_memory)
thread.start()
behind = []
for attempt in range(20000):
    failed = libc.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM, 0, ctypes.c_void_p(PLACE)) < 0
    made = {number for number in range(free, free + 4) if os.path.exists(f"/proc/self/fd/{number}")}
    if failed and len(made) == 2:
        watch = select.poll()
        for number in made:
            watch.register(number, 0)
        behind.append(all(event & select.POLLHUP for _, event in watch.poll(0)) and len(watch.poll(0)) == 2)
    for number in made:
        os.close(number)
    if len(behind) == 3:
        break
taking = False
thread.join()
line("numbers that cannot be written, left behind:", "dead sockets" if behind == [True] * 3 else behind)
server = socket.socket(socket.AF_UNIX)
server.bind("/tmp/server")
server.listen(1)
unix.connect("/tmp/server")
credentials = struct.unpack("iii", unix.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
line("the server's pid as its client sees it:", credentials[0], "uid:", "ok" if credentials[1] == os.getuid() else "other")
served = server.accept()[0]
credentials = struct.unpack("iii", served.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
line("the client's pid as its server sees it:", credentials[0], "uid:", "ok" if credentials[1] == os.getuid() else "other")

# SO_LINGER with a time, and listen(2) on a socket that already listens.
line("SO_LINGER with a time:", said(sock.setsockopt, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5)))
listener = socket.socket(fileno=3)
line("the inherited listener, listen:", said(listener.listen, 5), "again:", said(listener.listen, 1000))
line("connect:", said(listener.connect, host), "bind:", said(listener.bind, ("127.0.0.1", 0)))
time.sleep(1.2)
