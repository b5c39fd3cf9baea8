# Drives postern on a pseudo-terminal: a plugin that stops at once, Ctrl-C, a line of input, Ctrl-Z, and the
# continuation of both stops. Arguments: how to run postern.
import os
import pty
import re
import select
import signal
import sys
import time

# Times to give up, on a slow machine. They change no result.
PATIENCE = float(os.environ.get("POSTERN_TEST_PATIENCE", "1"))
PROGRAM = 'kill -STOP $$; trap "echo interrupted" INT; echo up; until read line; do :; done; echo "read <$line>"; read line; echo "after <$line>"'


def expect(fd, pattern, seen, seconds=40):
    end = time.time() + seconds * PATIENCE
    while not re.search(pattern, seen):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.time()))
        if not ready:
            sys.exit(f"no {pattern!r} in {seen!r}")
        try:
            seen += os.read(fd, 65536).decode()
        except OSError:
            sys.exit(f"ended before {pattern!r}: {seen!r}")
    return seen


def expect_stop(pid, what, seconds=40):
    end = time.time() + seconds * PATIENCE
    while time.time() < end:
        ended, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
        if ended != 0:
            if not os.WIFSTOPPED(status):
                sys.exit(f"{what} did not stop postern, it ended: {status}")
            os.kill(pid, signal.SIGCONT)
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    sys.exit(f"{what} did not stop postern within {seconds} s")


pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], [*sys.argv[1:], "run", "--", "sh", "-c", PROGRAM])
expect_stop(pid, "the plugin's first act")
seen = expect(fd, "up\r\n", "")
os.write(fd, b"\x03")
seen = expect(fd, "interrupted\r\n", seen)
os.write(fd, b"first\n")
seen = expect(fd, "read <first>", seen)
os.write(fd, b"\x1a")
expect_stop(pid, "Ctrl-Z")
os.write(fd, b"second\n")
seen = expect(fd, "after <second>", seen)
_, status = os.waitpid(pid, 0)
if status != 0:
    sys.exit(f"status {status}: {seen!r}")
if len(re.findall("interrupted\r\n", seen)) != 1:
    sys.exit(f"not once: {seen!r}")
