"""A plugin of a chaos run. It uses the network without end and writes what happened to it, one JSON object a line.

Arguments: the way out (trap or channel), what to do (transfer or steady), the port, and a seed. Times are of CLOCK_MONOTONIC.
"""

import hashlib
import json
import random
import socket
import sys
import time

way, work, port, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = random.Random(seed)


def tell(**fields):
    print("chaos", json.dumps(fields), flush=True)


def connect():
    """A connected socket. Tells how long it took; a call that a dying broker answers with an errno is made again."""
    while True:
        began = time.monotonic()
        try:
            if way == "channel":
                return channel.connect("127.0.0.1", port)
            return socket.create_connection(("127.0.0.1", port))
        except OSError as error:
            tell(failed=error.errno)
        finally:
            waited = time.monotonic() - began
            if waited > 0.5:
                tell(began=began, waited=waited)


def transfer():
    size = rng.randrange(1, 2_000_000)
    sent = hashlib.sha256()
    with connect() as sock:
        sock.sendall(b"%d\n" % size)
        while size > 0:
            part = rng.randbytes(min(size, 65_536))
            sock.sendall(part)
            sent.update(part)
            size -= len(part)
            if rng.random() < 0.05:
                time.sleep(rng.random() / 10)
        answer = sock.makefile().readline().strip()
    tell(transferred=answer == sent.hexdigest())


def steady():
    with connect() as sock:
        sock.sendall(b"0\n")
        sock.makefile().readline()
    tell(connected=True)
    time.sleep(0.02)


if way == "channel":
    channel = Channel.from_environment()
while True:
    transfer() if work == "transfer" else steady()
