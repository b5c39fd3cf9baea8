# Uses postern at a pseudo-terminal as a user does. Prints one line for each thing that works, and ends with what was seen where one does not.
# Arguments: how to run postern.
import fcntl
import os
import pty
import random
import re
import select
import shlex
import signal
import socket
import struct
import sys
import termios
import time
import urllib.request

RUN = sys.argv[1:]
# Times to give up, on a slow machine. They change no result.
PATIENCE = float(os.environ.get("POSTERN_TEST_PATIENCE", "1"))
RAW = """
import os, signal, sys, termios, tty
saved = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"raw\\r\\n")
while True:
    key = os.read(0, 1)
    if key == b"\\x1a":
        termios.tcsetattr(0, termios.TCSANOW, saved)
        os.kill(0, signal.SIGTSTP)
        tty.setraw(0)
        os.write(1, b"again\\r\\n")
    elif key == b"q": break
    else: os.write(1, b"key %d\\r\\n" % key[0])
termios.tcsetattr(0, termios.TCSANOW, saved)
"""


class Terminal:
    def __init__(self, command):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.resize(24, 80)
        self.first = self.modes()

    def modes(self):
        return termios.tcgetattr(self.fd)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def expect(self, pattern, seconds=40):
        end = time.time() + seconds * PATIENCE
        while not re.search(pattern, self.seen):
            if time.time() > end:
                sys.exit(f"no {pattern!r} in {self.seen!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode()
                except OSError:
                    sys.exit(f"ended before {pattern!r}: {self.seen!r}")
        self.seen = self.seen[re.search(pattern, self.seen).end():]

    def expect_stop(self):
        end = time.time() + 40 * PATIENCE
        while time.time() < end:
            ended, status = os.waitpid(self.pid, os.WUNTRACED | os.WNOHANG)
            if ended and os.WIFSTOPPED(status):
                return
            if ended:
                sys.exit(f"ended: {status} {self.seen!r}")
            time.sleep(0.01)
        sys.exit(f"no stop: {self.seen!r}")

    def end(self, expected=0):
        end = time.time() + 40 * PATIENCE
        while time.time() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode()
                except OSError:
                    pass
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                if code != expected:
                    sys.exit(f"status {code}: {self.seen!r}")
                return
        sys.exit(f"no end: {self.seen!r}")


def stopped_below(pid, words):
    """Whether a process with these words in its command line is stopped, among the descendants of a process."""
    with open(f"/proc/{pid}/stat") as file:
        state = file.read().rsplit(")", 1)[1].split()[0]
    with open(f"/proc/{pid}/cmdline") as file:
        line = file.read()
    # The words of postern's own command line have others behind them.
    if state == "T" and line.startswith("sh\0") and words in line:
        return True
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return any(stopped_below(child, words) for child in file.read().split())


def expect_stopped(pid, words):
    end = time.time() + 40 * PATIENCE
    while time.time() < end:
        try:
            if stopped_below(pid, words):
                return
        except OSError:
            pass  # One has ended meanwhile.
        time.sleep(0.02)
    sys.exit(f"nothing with {words!r} stopped")


def check(what, holds, seen):
    if not holds:
        sys.exit(f"{what}: {seen!r}")
    print(what, flush=True)


full = Terminal([*RUN, "run", "--", "/usr/bin/python3", "-c", RAW])
full.expect("raw\r\n")
full.press("\x03")
full.expect("key 3\r\n")
full.press("\x1a")
full.expect_stop()
check("the terminal is the shell's while a program is stopped", full.modes() == full.first, full.modes())
os.kill(full.pid, signal.SIGCONT)
full.expect("again\r\n")
full.press("q")
full.end()
print("single keys, Ctrl-Z by the program itself")

shell = Terminal([*RUN, "run", "--", "bash", "--norc", "-i"])
shell.expect("bash.*[$#] ")
# It says when it goes on: it has the terminal by then. bash forks: a child of vfork(2), which dash uses, may stop before its execve(2), and
# its parent then never stops.
shell.press("bash -c 'trap \"exit 130\" INT; trap \"echo goes on\" CONT; echo sleeps; while :; do sleep 0.1; done'\r")
shell.expect("[\r\n]sleeps\r\n")
shell.press("\x1a")
shell.expect("Stopped")
shell.press("jobs; fg\r")
shell.expect("Stopped.*goes on")
shell.expect("[\r\n]goes on\r\n")
shell.press("\x03")
shell.expect("[$#] ")
shell.press("echo status $?; tty\r")
shell.expect("status 130\r\n/dev/pts/0\r\n")
shell.press("exit 3\r")
shell.end(3)
print("a shell with job control")

size = Terminal([*RUN, "run", "--", "bash", "-c", 'trap "stty size; exit 0" WINCH; stty size; echo up; while :; do sleep 0.1; done'])
size.expect("24 80\r\nup\r\n")
size.resize(30, 90)
size.expect("30 90\r\n")
size.end()
print("window size")

prompt = Terminal(["bash", "-c", 'set -m; "$@" | sed "s/^/out /"; stty -a | grep -o "[-]*echo "', "bash", *RUN, "run", "--", "bash", "-c",
    'read -p "name? " name; echo "<$name>"; read -s -t 3 -p "secret? " secret; echo; echo "<$secret>"; cat'])
prompt.expect("name\\? ")
prompt.press("Ada\r")
prompt.expect("Ada\r\n")
prompt.expect("postern: the program turned its echo off, and gets no input: it is part of a pipeline\r?\n")
prompt.press("seen\r")
prompt.expect("out <>")
prompt.expect("out seen")
prompt.press("text\r")
prompt.expect("out text")
prompt.press("\x04")
prompt.expect("echo ")
prompt.end()
print("questions in a pipeline")

middle = Terminal(["bash", "--norc", "-i"])
middle.expect("[$#] ")
middle.press(shlex.join([*RUN, "run", "--", "bash", "-c", 'trap "exit 9" INT; trap "echo goes on" CONT; echo up; while :; do sleep 0.1; done']) + " | cat\r")
middle.expect("[\r\n]up\r\n")
middle.press("\x1a")
middle.expect("Stopped")
middle.expect("[$#] ")
middle.press("fg\r")
middle.expect("[\r\n]goes on\r\n")
middle.press("\x03")
# What is typed before the shell has the terminal again is for the plugin.
middle.expect("[$#] ")
middle.press("echo ended\r")
middle.expect("[\r\n]ended\r\n")
middle.press("exit 0\r")
middle.end()
print("Ctrl-Z and Ctrl-C in a pipeline")

stopped = Terminal(["bash", "--norc", "-i"])
stopped.expect("[$#] ")
stopped.press(shlex.join([*RUN, "run", "--", "sh", "-c", "echo up; kill -STOP $$; echo goes on"]) + " | cat\r")
stopped.expect("[\r\n]up\r\n")
expect_stopped(stopped.pid, "goes on")
# postern sees it a moment later.
time.sleep(0.5)
stopped.press("\x1a")
stopped.expect("Stopped")
stopped.press("fg\r")
stopped.expect("[\r\n]goes on\r\n")
stopped.press("exit 0\r")
stopped.end()
print("Ctrl-Z in a pipeline after a program stopped itself")

script = Terminal(["bash", "--norc", "-i"])
script.expect("[$#] ")
script.press(shlex.join(["sh", "-c", '"$@"; echo after', "sh", *RUN, "run", "--", "bash", "-c", 'trap "echo goes on" CONT; echo up; until read -t 0.2 line; do :; done; echo "<$line>"']) + "\r")
script.expect("[\r\n]up\r\n")
script.press("\x1a")
script.expect("Stopped")
script.press("fg\r")
script.expect("[\r\n]goes on\r\n")
script.press("more\r")
script.expect("<more>\r\nafter")
script.press("exit 0\r")
script.end()
print("Ctrl-Z in a script")

# A shell that continues its job the moment it sees it stopped.
QUICK = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
while os.WIFSTOPPED(os.waitpid(job, os.WUNTRACED)[1]):
    os.killpg(job, signal.SIGCONT)
    os.write(1, b"continued\\n")
"""
quick = Terminal(["/usr/bin/python3", "-c", QUICK, "sh", "-c", '"$@"; echo after', "sh", *RUN, "run", "--", "bash", "-c",
    'echo up; while read line; do echo "<$line>"; done'])
quick.expect("up\r\n")
for line in range(40):
    quick.press("\x1a")
    quick.expect("continued\r*\n")
    quick.press(f"{line}\r")
    quick.expect(f"<{line}>\r\n")
quick.press("\x04")
quick.expect("after\r\n")
quick.end()
print("a job that is continued the moment it stops")



def free_port():
    """Below the ports that the kernel gives to connections: one of those may be taken at any time."""
    for port in random.sample(range(10000, 32000), 100):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    sys.exit("no free port")


PORT = free_port()
stalled = Terminal([*RUN, "run", "--metrics", f"127.0.0.1:{PORT}", "--", "yes", "x" * 100])
stalled.expect("xxx")
time.sleep(1)
# On a busy machine one page may take longer. A postern that is held up would be so each time.
took = []
while len(took) < 5 and not any(seconds < 3 for seconds in took):
    began = time.time()
    text = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10 * PATIENCE).read()
    took.append(time.time() - began)
check("a terminal that shows nothing does not hold up postern", b"postern" in text and min(took) < 3, (took, text))
os.kill(stalled.pid, signal.SIGTERM)
stalled.end(143)
