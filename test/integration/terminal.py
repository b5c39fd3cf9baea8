# Drives postern on a pseudo-terminal: Ctrl-C, a line of input, Ctrl-Z and its continuation. Arguments: how to run postern.
import os
import pty
import re
import select
import signal
import sys
import time

PROGRAM = 'trap "echo interrupted" INT; echo up; until read line; do :; done; echo "read <$line>"; read line; echo "after <$line>"'


def expect(fd, pattern, seen, seconds=20):
    end = time.time() + seconds
    while not re.search(pattern, seen):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.time()))
        if not ready:
            sys.exit(f"no {pattern!r} in {seen!r}")
        try:
            seen += os.read(fd, 65536).decode()
        except OSError:
            sys.exit(f"ended before {pattern!r}: {seen!r}")
    return seen


pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], [*sys.argv[1:], "run", "--", "sh", "-c", PROGRAM])
seen = expect(fd, "up\r\n", "")
os.write(fd, b"\x03")
seen = expect(fd, "interrupted\r\n", seen)
os.write(fd, b"first\n")
seen = expect(fd, "read <first>", seen)
os.write(fd, b"\x1a")
_, status = os.waitpid(pid, os.WUNTRACED)
if not os.WIFSTOPPED(status):
    sys.exit(f"Ctrl-Z did not stop postern: {status} {seen!r}")
os.kill(pid, signal.SIGCONT)
time.sleep(0.3)
os.write(fd, b"second\n")
seen = expect(fd, "after <second>", seen)
_, status = os.waitpid(pid, 0)
if status != 0:
    sys.exit(f"status {status}: {seen!r}")
time.sleep(0.1)
if len(re.findall("interrupted\r\n", seen)) != 1:
    sys.exit(f"not once: {seen!r}")
