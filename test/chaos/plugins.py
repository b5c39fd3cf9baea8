"""A plugin of a chaos run. It uses the network without end and writes what happened to it, one JSON object a line.

Arguments: the way out (trap or channel), what to do (transfer, steady or ask), the port, and a seed. To ask: also, as JSON, `hosts` and `ports` that no rule
allows, `special` places that nobody can approve, and `seconds`, the time limit of a question. Times are of CLOCK_MONOTONIC.
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


def ask():
    """Connects to a place that no rule allows. Tells how that ended, how long it took, how long it may take, and whether that limit is its own."""
    special = rng.random() < 0.2
    place = rng.choice(places["special"]) if special else (rng.choice(places["hosts"]), rng.choice(places["ports"]))
    if way == "channel":
        timeout = rng.choice([None, 4])
    else:
        # A connect that does not block waits for 5 s in the call, and then for its own time.
        timeout = rng.choice([None, 3])
    limit = places["seconds"] if timeout is None else timeout + (5 if way == "trap" else 0)
    start, outcome = time.monotonic(), "connected"
    try:
        if way == "channel":
            sock = channel.connect(*place, *([] if timeout is None else [timeout * 1000]))
        else:
            sock = socket.create_connection(place, timeout=timeout)
        sock.close()
    except OSError as error:
        outcome = error.errno
    took = time.monotonic() - start
    by_name = place[0][-1].isalpha()
    own = timeout is not None
    tell(answered=True, special=special, outcome=outcome, start=start, took=took, limit=None if by_name else limit, own=own)
    time.sleep(rng.random())


if way == "channel":
    channel = Channel.from_environment()
places = json.loads(sys.argv[5]) if work == "ask" else None
while True:
    {"transfer": transfer, "steady": steady, "ask": ask}[work]()
