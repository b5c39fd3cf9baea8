# A hostile plugin beside its user at one terminal. A shell with job control runs postern in the background, in a pipeline or in the
# foreground. Says what reached the shell, and how the terminal is afterwards.
# Arguments: background, pipeline, password, toggled, beside, killed, terminated or restored; then how to run postern.
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time

PLUGIN = """
import fcntl, os, signal, struct, sys, termios, time
for name in (signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP, signal.SIGINT, signal.SIGHUP):
    signal.signal(name, signal.SIG_IGN)
def attempt(action):
    try: action()
    except (OSError, termios.error): pass
began_in = os.getpgrp()
if sys.argv[1] in ("background", "pipeline") and os.fork() == 0:
    # The child stays in the group that the plugin began in, and stops it.
    time.sleep(1)
    attempt(lambda: os.kill(0, signal.SIGSTOP))
    os._exit(0)
if os.fork() == 0:
    attempt(lambda: os.setpgid(0, 0))
    terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
    attempt(lambda: terminals.append(os.open("/dev/tty", os.O_RDWR)))
    for fd in terminals:
        attempt(lambda: fcntl.ioctl(fd, termios.TIOCSCTTY, 1))
        attempt(lambda: os.tcsetpgrp(fd, os.getpgrp()))
        attempt(lambda: fcntl.ioctl(fd, termios.TIOCEXCL))
        attempt(lambda: os.fchmod(fd, 0o666))
        attempt(lambda: os.chmod(f"/proc/self/fd/{fd}", 0o666))
        attempt(lambda: fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 1, 1, 0, 0)))
        modes = termios.tcgetattr(fd)
        # With an echo and by lines the plugin may have input, so that only the other program's modes keep it from the plugin.
        if sys.argv[1] != "password": modes[0] = modes[1] = modes[3] = 0
        attempt(lambda: termios.tcsetattr(fd, termios.TCSANOW, modes))
    print("ready", file=sys.stderr, flush=True)
    got = b""
    asked = sys.argv[1] in ("password", "toggled", "beside")
    # In the foreground it is to read a line. Elsewhere it tries for a while.
    foreground = sys.argv[1] in ("killed", "terminated", "restored")
    end = time.time() + (5 if asked else 25 if foreground else 2)
    import select
    while time.time() < end and not (foreground and got.endswith(b"\\n")):
        if sys.argv[1] in ("toggled", "beside"):
            modes[6][termios.VTIME] = b"\\1" if modes[6][termios.VTIME] == b"\\0" else b"\\0"
            attempt(lambda: termios.tcsetattr(terminals[-1], termios.TCSANOW, modes))
        readable = select.select(terminals, [], [], 0.1)[0]
        for fd in readable[:1]: attempt(lambda: globals().__setitem__("got", got + os.read(fd, 100)))
    sys.stderr.write("read<%s>\\n" % got.decode())
    sys.stderr.flush()
    for fd in terminals:
        attempt(lambda: termios.tcflow(fd, termios.TCIOFF))
        attempt(lambda: termios.tcflow(fd, termios.TCOOFF))
    time.sleep(1)
    attempt(lambda: os.kill(-began_in, signal.SIGCONT))
    os._exit(0)
os.wait()
while sys.argv[1] in ("killed", "terminated", "restored"): time.sleep(1)
"""
how, *run = sys.argv[1:]
# Times to give up, on a slow machine. They change no result.
PATIENCE = float(os.environ.get("POSTERN_TEST_PATIENCE", "1"))
SCRIPTS = {
    # The user types while the plugin runs. The shell is in the foreground, and it alone reads.
    "background": '"$@" & IFS= read -r line; echo "shell<$line>"; jobs; wait; echo "ended"',
    # Another program of the pipeline takes single keys, as a pager does.
    "pipeline": '"$@" | python3 -c "$pager"; echo "ended ${PIPESTATUS[@]}"',
    # Another program of the pipeline, or of the script, asks for a password later.
    "password": '"$@" | python3 -c "$password" "$gate"; echo "ended ${PIPESTATUS[@]}"',
    "toggled": '"$@" | python3 -c "$password" "$gate"; echo "ended ${PIPESTATUS[@]}"',
    "beside": 'set +m; exec 3<&0; "$@" <&3 3<&- & python3 -c "$password" "$gate"; wait; echo "ended"',
    "killed": '"$@"; echo ended $?',
    "terminated": '"$@"; echo ended $?',
    "restored": '"$@"; echo ended $?',
}
PASSWORD = """
import os, select, sys, termios, time
fd = os.open("/dev/tty", os.O_RDWR)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
modes = termios.tcgetattr(fd)
secret = termios.tcgetattr(fd)
secret[3] &= ~termios.ECHO
termios.tcsetattr(fd, termios.TCSAFLUSH, secret)
print("asks", file=sys.stderr, flush=True)
select.select([fd], [], [])
# A busy program comes late to its line.
time.sleep(0.7)
os.set_blocking(fd, False)
try: line = os.read(fd, 100)
except BlockingIOError: line = b""
termios.tcsetattr(fd, termios.TCSANOW, modes)
print("shell<%s>" % line.decode().strip(), flush=True)
if not os.isatty(0): sys.stdin.read()
"""
PAGER = """
import os, sys, termios, time, tty
fd = os.open("/dev/tty", os.O_RDWR)
modes = termios.tcgetattr(fd)
tty.setcbreak(fd)
keys = b""
while not keys.endswith(b"\\n"): keys += os.read(fd, 1)
termios.tcsetattr(fd, termios.TCSANOW, modes)
print("shell<%s>" % keys.decode().strip(), flush=True)
sys.stdin.read()
"""
gate = os.path.join(tempfile.mkdtemp(), "gate")
pid, fd = pty.fork()
if pid == 0:
    os.environ["password"] = PASSWORD
    os.environ["gate"] = gate
    os.environ["pager"] = PAGER
    os.execvp("bash", ["bash", "-c", "set -m; " + SCRIPTS[how], "bash", *run, "--", "/usr/bin/python3", "-c", PLUGIN, how])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
name = "/dev/pts/%d" % struct.unpack("i", fcntl.ioctl(fd, 0x80045430, bytes(4)))  # TIOCGPTN
outside = os.open(name, os.O_RDWR | os.O_NOCTTY)
TIOCGEXCL = 0x80045440


def state():
    exclusive = struct.unpack("i", fcntl.ioctl(outside, TIOCGEXCL, b"\0" * 4))[0]
    size = struct.unpack("HHHH", fcntl.ioctl(outside, termios.TIOCGWINSZ, b"\0" * 8))[:2]
    found = os.stat(name)
    modes = termios.tcgetattr(outside)
    return [exclusive, list(size), oct(found.st_mode), found.st_uid, found.st_gid, modes[:6], [str(c) for c in modes[6]]]


before = state()
seen = b""
typed = hurt = alone = False
end = time.time() + 40 * PATIENCE
while time.time() < end and b"ended" not in seen:
    if select.select([fd], [], [], 0.1)[0]:
        try:
            seen += os.read(fd, 65536)
        except OSError:
            break
    if b"ready" in seen and not os.path.exists(gate):
        open(gate, "w").close()
    if (b"asks" if how in ("password", "toggled", "beside") else b"ready") in seen and not typed:
        typed = True
        time.sleep(0.5)
        alone = termios.tcgetattr(outside)[1] & termios.OPOST == 0
        os.write(fd, b"what the user types\n")
    if b"read<" in seen and not hurt and how in ("killed", "terminated", "restored"):
        hurt = True
        # The supervisor leads the foreground group, and the plugin is a child of it.
        supervisor = os.tcgetpgrp(fd)
        if how == "restored":
            # Another program takes single keys for a while, and sets the modes that it found.
            found = termios.tcgetattr(outside)
            taken = termios.tcgetattr(outside)
            taken[1] |= termios.OPOST
            termios.tcsetattr(outside, termios.TCSANOW, taken)
            os.kill(supervisor, signal.SIGCONT)
            time.sleep(0.5)
            termios.tcsetattr(outside, termios.TCSANOW, found)
        if how in ("terminated", "restored"):
            os.kill(supervisor, signal.SIGTERM)
        else:
            for child in open(f"/proc/{supervisor}/task/{supervisor}/children").read().split():
                if b"TIOCEXCL" in open(f"/proc/{child}/cmdline", "rb").read():
                    os.kill(int(child), signal.SIGKILL)
time.sleep(0.3)
after = state()
# A terminal whose output the plugin has stopped shows nothing.
os.set_blocking(outside, False)
try:
    os.write(outside, b"flows\n")
    while b"flows" not in seen and select.select([fd], [], [], 2)[0]:
        seen += os.read(fd, 65536)
except OSError:
    pass
os.kill(pid, signal.SIGKILL)
text = seen.decode(errors="replace").replace("\r", "")
got = text.split("read<")[1].split(">")[0] if "read<" in text else None
print(json.dumps({
    "plugin": got.strip() if got is not None else None,
    "shell": text.split("shell<")[1].split(">")[0] if "shell<" in text else None,
    "ended": "ended" in text,
    "flows": "flows" in text,
    "same": before == after,
    # Its modes reach the terminal that others use.
    "alone": alone,
    "stopped": "Stopped" in text,
    "text": text[-2000:],
}))
