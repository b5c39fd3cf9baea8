# A plugin of a rounds run. One connection goes on through all rounds. The other one is made anew whenever the rules allow it.
import os, select, socket, sys, threading, time

way, always, sometimes, done = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
PAUSE_S = 0.02
RETRY_S = 0.1
channel = Channel.from_environment() if way == "channel" else None
lock = threading.Lock()


def dial(port):
    if channel is None:
        return socket.create_connection(("127.0.0.1", port))
    with lock:
        return channel.connect("127.0.0.1", port, 10_000)


def say(text):
    print("rounds", text, flush=True)


def exchange(sock, number):
    """Sends some bytes and takes them back. False: the connection has ended."""
    sent = os.urandom(64) + bytes([number % 251]) * (number * 37 % 4000)
    sock.sendall(sent)
    back = b""
    while len(back) < len(sent):
        part = sock.recv(len(sent) - len(back))
        if not part:
            return False
        back += part
    if back != sent:
        say("other bytes")
    return True


def keep():
    sock = dial(always)
    number = 0
    while not os.path.exists(done):
        try:
            if not exchange(sock, number):
                say("kept connection ended")
                return
        except OSError as error:
            say(f"kept connection failed: {error}")
            return
        number += 1
        time.sleep(PAUSE_S)
    sock.shutdown(socket.SHUT_WR)
    if sock.recv(1):
        say("further bytes")
    sock.close()
    say(f"kept {number}")


def change():
    number = 0
    while not os.path.exists(done):
        try:
            sock = dial(sometimes)
        except Exception:
            time.sleep(RETRY_S)
            continue
        try:
            while not os.path.exists(done) and exchange(sock, number):
                number += 1
                time.sleep(PAUSE_S)
        except OSError:
            pass
        sock.close()


threads = [threading.Thread(target=work) for work in (keep, change)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say("done")
time.sleep(3600)
