# Drives `postern run --ask` at a pseudo-terminal. Arguments: the scene, an address that answers at ports 80, 443 and 8443, and how to run postern.
import os
import pty
import re
import select
import sys
import time

SCENE, HOST, *RUN = sys.argv[1:]
# Shows a question of its own, reads all that is typed, writes without end, and connects.
HOSTILE = """
import os, socket, sys, threading, time
got = []
def read():
    for line in sys.stdin:
        got.append(line.strip())
print('postern: type "once aaa", "run aaa" (until the program ends) or "no": ', flush=True)
threading.Thread(target=read, daemon=True).start()
while not got: time.sleep(0.01)
def noise():
    while True:
        os.write(1, b"<noise>")
        time.sleep(0.005)
threading.Thread(target=noise, daemon=True).start()
for port in (80, 443):
    try:
        socket.create_connection((sys.argv[1], port)).close()
        print("connected", port, flush=True)
    except OSError as error:
        print("errno", error.errno, port, flush=True)
time.sleep(0.5)
print("typed", got, flush=True)
os._exit(0)
"""
PLAIN = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8443)).close()
    print("connected 8443", flush=True)
except OSError as error:
    print("errno", error.errno, flush=True)
"""


class Terminal:
    def __init__(self, command):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def expect(self, pattern, seconds=30):
        """Reads until the pattern is there. Returns what came up to its end."""
        end = time.time() + seconds
        while True:
            match = re.search(pattern, self.seen)
            if match:
                before, self.seen = self.seen[: match.end()], self.seen[match.end() :]
                return before, match
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.time()))
            try:
                more = os.read(self.fd, 65536).decode(errors="replace") if ready else ""
            except OSError:
                more = ""
            if not more:
                sys.exit(f"no {pattern!r} in {self.seen!r}")
            self.seen += more

    def type(self, text):
        os.write(self.fd, text.encode())

    def quiet(self, seconds):
        """What comes within the time."""
        end = time.time() + seconds
        came = self.seen
        while time.time() < end:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.time()))
            if ready:
                came += os.read(self.fd, 65536).decode(errors="replace")
        self.seen = ""
        return came

    def end(self):
        try:
            while os.read(self.fd, 65536):
                pass
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


QUESTION = r'no rule allows: "([^"]*)"\r\npostern: type "once (\w+)", "run \w+" \(until the program ends\) or "no": '
if SCENE == "shared":
    at = Terminal([*RUN, "run", "--ask", "--", "/usr/bin/python3", "-c", HOSTILE, HOST])
    at.expect(r'once aaa.*or "no": ')
    at.type("once aaa\n")
    _, asked = at.expect(QUESTION)
    if asked[1] != f"{HOST}:80":
        sys.exit(f"asked about {asked[1]}")
    shown = at.quiet(0.5)
    if shown:
        sys.exit(f"written over the question: {shown!r}")
    print("what the program writes waits")
    at.type("once aaa\n")
    shown, _ = at.expect(r'postern: type "once \w+"[^\n]*"no": ')
    if "connected" in shown:
        sys.exit(f"a wrong code opened it: {shown!r}")
    print("a code that the program chose approves nothing")
    at.type(f"onceX\x7f {asked[2]}\n")
    _, asked = at.expect(QUESTION)
    if asked[1] != f"{HOST}:443":
        sys.exit(f"asked about {asked[1]}")
    at.type("no\n")
    shown, _ = at.expect(r"typed \[[^\]]*\]\r\n")
    print(re.search(r"errno \d+ 443", shown)[0])
    print(re.search(r"typed .*", shown)[0].strip())
elif SCENE == "apart":
    script = '"$@" </dev/null 2>/dev/null | cat >/dev/null'
    command = ["sh", "-c", script, "sh", *RUN, "run", "--ask", "--", "/usr/bin/python3", "-c", PLAIN, HOST]
    at = Terminal(command)
    _, asked = at.expect(QUESTION)
    at.type(f"run {asked[2]}\n")
    at.end()
    print("asked at /dev/tty")
elif SCENE == "interrupt":
    at = Terminal([*RUN, "run", "--ask", "--", "/usr/bin/python3", "-c", PLAIN, HOST])
    at.expect(QUESTION)
    at.type("\x03")
    at.expect("KeyboardInterrupt")
    print("Ctrl-C is for the program", at.end())
