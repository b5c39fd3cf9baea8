# Tries to connect to sockets of the host that it sees, and to its own. Arguments: folders with the host's sockets, the last one writable.
# Prints an outcome for each path. Then it swaps its own socket and the host's behind one path while it connects.
import errno
import os
import socket
import sys
import threading

FOLDERS = sys.argv[1:]
WRITABLE = FOLDERS[-1]
KINDS = {b".seq": socket.SOCK_SEQPACKET}


def attempt(path):
    sock = socket.socket(socket.AF_UNIX, KINDS.get(os.path.splitext(path)[1], socket.SOCK_STREAM))
    sock.settimeout(5)
    try:
        sock.connect(path)
        return "ok"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    finally:
        sock.close()


def own(path):
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.bind(path)
        sock.listen(64)
    except PermissionError:
        return

    def serve():
        while True:
            sock.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()


print("result ready yes", flush=True)
sys.stdin.readline()
for folder in FOLDERS:
    for name in sorted(os.listdir(os.fsencode(folder))):
        path = os.path.join(os.fsencode(folder), name)
        if os.path.isdir(path):
            os.chdir(path)
            path = os.listdir(path)[0]
        print("result", f"{os.path.basename(folder)}/{os.fsdecode(name)}", attempt(path), flush=True)
        os.chdir("/tmp")
own("/tmp/own")
own(f"{WRITABLE}/own")
print("result own", attempt(b"/tmp/own"), attempt(os.fsencode(f"{WRITABLE}/own")), flush=True)

host = f"{FOLDERS[0]}/plain.sock"
for folder in ("/tmp", WRITABLE):
    over = False

    def swap():
        turn = 0
        while not over:
            os.symlink(host if turn % 2 else f"{folder}/own", f"{folder}/next")
            os.rename(f"{folder}/next", f"{folder}/swapped")
            turn += 1

    os.symlink(host, f"{folder}/swapped")
    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = {attempt(os.fsencode(f"{folder}/swapped")) for _ in range(400)}
    over = True
    thread.join()
    print("result race", "own reached" if "ok" in outcomes else "own never reached", flush=True)
