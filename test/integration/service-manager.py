# A service manager, as far as postern talks with one: holds listening sockets, starts the command with them, and hears what it says by its notify socket.
# Meanwhile clients connect all the time. It stops and starts the command again, and prints what it heard and what the clients got.
# Arguments: the notify socket, the address or path to listen on, what to do (serve, spoil), the command.
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

notify, address, act, *command = sys.argv[1:]
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind("\0" + notify[1:] if notify.startswith("@") else notify)
if not notify.startswith("@"):
    os.chmod(notify, 0o777)
if address.startswith("/"):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    os.chmod(address, 0o777)
    target = address
else:
    host, port = address.rsplit(":", 1)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    target = (host, int(port))
    listener.bind(target)
listener.listen(4096)
if act == "spoil":
    listener.setsockopt(socket.SOL_SOCKET, 44, 1)  # SO_LOCK_FILTER
answers, over = [], threading.Event()


def probe():
    while not over.is_set():
        try:
            with socket.socket(listener.family, socket.SOCK_STREAM) as client:
                client.settimeout(60)
                client.connect(target)
                answers.append(client.makefile().readline())
        except OSError as error:
            answers.append(type(error).__name__)
        time.sleep(0.01)


def child():
    os.dup2(listener.fileno(), 3, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web", NOTIFY_SOCKET=notify, WATCHDOG_USEC="400000")
    os.environ.pop("WATCHDOG_PID", None)


rounds = []
prober = threading.Thread(target=probe)
for number in range(1 if act == "spoil" else 2):
    process = subprocess.Popen(command, preexec_fn=child, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    messages = []
    if act == "spoil":
        output, _ = process.communicate(timeout=60)
        rounds.append({"messages": messages, "status": process.returncode, "output": output.decode()})
        break
    if number == 0:
        prober.start()
    heard.settimeout(60)
    served = None
    while served is None or messages.count("WATCHDOG=1") < 2 or not any(answers[served:]):
        messages.append(heard.recv(4096).decode())
        served = len(answers) if served is None else served
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    heard.settimeout(0)
    try:
        while True:
            messages.append(heard.recv(4096).decode())
    except BlockingIOError:
        pass
    rounds.append({"messages": messages, "status": process.returncode, "output": output.decode()})
over.set()
if act != "spoil":
    # Who waits in the queue now is answered by the manager: it still has the socket.
    listener.settimeout(1)
    try:
        while prober.is_alive():
            waiting, _ = listener.accept()
            waiting.sendall(b"held\n")
            waiting.close()
    except OSError:
        pass
    prober.join()
print(json.dumps({"rounds": rounds, "answers": answers}))
