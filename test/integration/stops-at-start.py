# Presses Ctrl-Z again and again while postern starts a plugin on a pseudo-terminal, and continues postern each time it stops, as a
# shell's `fg` does: the plugin runs at last. Arguments: how to run postern.
import os
import pty
import select
import signal
import sys
import termios
import time

SECONDS = 15 * float(os.environ.get("POSTERN_TEST_PATIENCE", "1"))
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], [*sys.argv[1:], "run", "--", "echo", "up"])
# Ctrl-Z would discard written text that nobody has read yet.
modes = termios.tcgetattr(fd)
modes[3] |= termios.NOFLSH
modes[3] &= ~termios.ECHO
termios.tcsetattr(fd, termios.TCSANOW, modes)
began = time.time()
stops = 0
seen = b""
while time.time() < began + SECONDS:
    if select.select([fd], [], [], 0.003)[0]:
        try:
            seen += os.read(fd, 65536)
        except OSError:
            break
    ended, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
    if ended != 0 and not os.WIFSTOPPED(status):
        break
    if ended != 0:
        stops += 1
        os.kill(pid, signal.SIGCONT)
    os.write(fd, b"\x1a")
else:
    os.kill(pid, signal.SIGKILL)
    sys.exit(f"not up within {SECONDS} s, {stops} stops")
while select.select([fd], [], [], 0.5)[0]:
    try:
        seen += os.read(fd, 65536)
    except OSError:
        break
if b"up\r\n" not in seen:
    sys.exit(f"{stops} stops: {seen[-500:]!r}")
