# Runs `postern top` at a pseudo-terminal. Arguments: the control socket, and how to run postern. Prints what it sees, as JSON.
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

CONTROL, RUN = sys.argv[1], sys.argv[2:]
LEAVE = b"\x1b[?25h\x1b[?1049l"
PATIENCE = 30 * float(os.environ.get("POSTERN_TEST_PATIENCE", "1"))


class Screen:
    def __init__(self, columns, rows=24):
        self.master, slave = pty.openpty()
        self.size(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(slave, fd)
            os.execvpe(RUN[0], [*RUN, "top", "--control", CONTROL], {**os.environ, "TERM": "xterm"})

    def size(self, columns, rows=24):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, found):
        end = time.monotonic() + PATIENCE
        while not found(self.output):
            if time.monotonic() > end:
                sys.exit(f"not seen: {self.output[-2000:]!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 65536)
        return self.output

    def pictures(self):
        return self.output.split(b"\x1b[?2026h\x1b[H")[1:]

    def lines(self):
        """Those of the last whole picture."""
        whole = [one for one in self.pictures() if b"\x1b[?2026l" in one][-1]
        text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", whole.split(b"\x1b[?2026l")[0]).decode()
        return text.split("\r\n")

    def wait(self):
        self.read_until(lambda output: output.rstrip().endswith(LEAVE))
        _, status = os.waitpid(self.pid, 0)
        after = termios.tcgetattr(self.slave)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "restored": after == self.before,
            "left": self.output.count(LEAVE),
            "cleared": self.output.count(b"\x1b[2J"),
        }


def shown(count):
    return lambda output: output.count(b"\x1b[?2026l") >= count


told = {}
screen = Screen(120)
screen.read_until(shown(3))
told["head"], told["raw"] = screen.lines()[1], termios.tcgetattr(screen.slave)[3] & termios.ICANON == 0
told["plugins"] = sorted(line.split()[0] for line in screen.lines()[2:])
screen.size(30, 3)
seen = screen.output.count(b"\x1b[?2026l")
screen.read_until(shown(seen + 2))
told["narrow"] = [max(map(len, screen.lines())) <= 30, len(screen.lines()), screen.lines()[-1]]
os.write(screen.master, b"q")
told["q"] = screen.wait()
screen = Screen(80)
screen.read_until(shown(1))
os.write(screen.master, b"\x03")
told["Ctrl-C"] = screen.wait()
screen = Screen(80)
screen.read_until(shown(1))
os.kill(screen.pid, signal.SIGTERM)
told["SIGTERM"] = screen.wait()
print(json.dumps(told))
