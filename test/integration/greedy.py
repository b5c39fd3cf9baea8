# A plugin that reaches each of its limits in turn. It asks for more for a while, and then frees everything. At the end of each it
# prints `NAME BEGIN END REFUSALS`, with times of CLOCK_MONOTONIC.
import errno
import os
import select
import signal
import socket
import struct
import sys
import time

echo, full, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])


told = []
# On a busy machine it takes longer to come to a limit.
MOST_SECONDS = 30


def stay(name, more):
    """Asks for more for some time, at least until the first refusal, and counts the refusals."""
    begin = time.monotonic()
    refusals = 0
    while time.monotonic() < begin + (seconds if refusals > 0 else MOST_SECONDS):
        refusals += more()
    told.append((name, begin, time.monotonic(), refusals))


def refused(work, *errnos):
    try:
        work()
        return 0
    except OSError as error:
        if error.errno not in errnos:
            raise
        return 1


def descriptors():
    held = []
    more = lambda: refused(lambda: held.append(os.open("/dev/null", os.O_RDONLY)), errno.EMFILE)
    stay("descriptors", more)
    for descriptor in held:
        os.close(descriptor)


def processes():
    children = []

    def fork():
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)

    stay("processes", lambda: refused(fork, errno.EAGAIN))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def memory():
    held = []

    def more():
        try:
            held.append(bytearray(1 << 20))
            return 0
        except MemoryError:
            return 1

    stay("memory", more)


def disk():
    large = os.open("/tmp/large", os.O_WRONLY | os.O_CREAT)
    stay("disk", lambda: refused(lambda: os.write(large, bytes(1 << 16)), errno.ENOSPC))
    os.unlink("/tmp/large")
    os.close(large)


def log():
    def more():
        os.write(1, b"a line of the log\n" * 100)
        return 1

    stay("log", more)


def connect(port, host="127.0.0.1"):
    kept = socket.socket()
    code = kept.connect_ex((host, port))
    if code == 0:
        return kept
    kept.close()
    return code


def audit():
    stay("audit", lambda: connect(443, "192.0.2.1") == errno.EACCES)


def connections():
    held = []

    def more():
        held.append(connect(echo))
        return held[-1] == errno.EAGAIN

    stay("connections", more)


def queue():
    channel = Channel.from_environment()
    asked = 0

    def more():
        nonlocal asked
        replies, requests, _ = select.select([channel._replies], [channel._requests], [], 0.1)
        if requests:
            asked += 1
            channel._send({"op": "connect", "host": "127.0.0.1", "port": full, "id": asked})
        return bool(replies) and channel._receive()[0].get("errno") == "EAGAIN"

    stay("queue", more)
    channel.close()


def questions():
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.connect(("127.0.0.1", 53))
    asker.setblocking(False)
    question = struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\x02no\x04test\x00\x00\x01\x00\x01"

    def more():
        try:
            return asker.send(question) and 1
        except BlockingIOError:
            return 1

    stay("questions", more)
    asker.close()


def in_flight():
    ends = [socket.socketpair() for _ in range(4)]

    def more():
        return sum(
            refused(lambda: socket.send_fds(one, [b"x"], [0] * 32), errno.ETOOMANYREFS) for one, _ in ends
        )

    for end, _ in ends:
        end.setblocking(False)
    stay("in_flight", more)
    for pair in ends:
        for end in pair:
            end.close()


for limit in (descriptors, processes, memory, disk, log, audit, connections, queue, questions, in_flight):
    limit()
time.sleep(1.2)  # Its share of the audit log is used up.
for line in told:
    print(*line, file=sys.stderr, flush=True)
