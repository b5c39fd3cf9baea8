# A plugin of alerts.test.ts: waits for a file, and then has the fault that its first argument names.
import os, socket, sys, time

fault, go, echo, closed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
kept = []


def attempt(host, port):
    try:
        made = socket.create_connection((host, port))
    except OSError:
        return None
    return made


def well():
    while True:
        made = attempt("well.example.com", echo)
        if made is not None:
            made.sendall(b"x")
            made.recv(1)
            made.close()
        time.sleep(0.2)


def lookups():
    while True:
        attempt("broken.example.com", 443)
        time.sleep(0.1)


def refused():
    while True:
        attempt("192.0.2.1", 443)
        time.sleep(0.05)


def unheard():
    while True:
        attempt("127.0.0.1", closed)
        time.sleep(0.1)


def quota():
    made = attempt("127.0.0.1", echo)
    made.sendall(b"x" * 980_000)
    kept.append(made)


def crowds():
    while True:
        kept.append(attempt("127.0.0.1", echo))
        time.sleep(0.2)


def noisy():
    while True:
        attempt("127.0.0.1", echo)
        time.sleep(0.02)


def asks():
    attempt("203.0.113.7", 443)


def gateway():
    while True:
        os.system("curl -sS -o /dev/null -X DELETE https://api.example.com/repos")
        time.sleep(0.5)


def loops():
    sys.exit(1)


def failed():
    sys.exit(3)


if fault != "well":
    while not os.path.exists(go):
        time.sleep(0.05)
globals()[fault]()
while True:
    time.sleep(60)
