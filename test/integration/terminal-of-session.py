# Runs postern at a terminal, by setsid(1) or not. Arguments: "setsid" or "own", then how to run postern, with its arguments. A line is typed as
# soon as the plugin has said "up". With setsid, the shell that leads the terminal's session reads it after the plugin's end.
import os
import pty
import select
import sys
import time

# To give up, on a slow machine.
SECONDS = 30 * float(os.environ.get("POSTERN_TEST_PATIENCE", "1"))
READS = '; read line; echo "the shell read <$line>"'

pid, fd = pty.fork()
if pid == 0:
    apart = sys.argv[1] == "setsid"
    script = '"$@"' + (READS if apart else "")
    os.execvp("bash", ["bash", "-c", script, "bash", *(["setsid", "-w"] if apart else []), *sys.argv[2:]])
seen = b""
typed = False
end = time.time() + SECONDS
while time.time() < end:
    if not select.select([fd], [], [], end - time.time())[0]:
        break
    try:
        seen += os.read(fd, 65536)
    except OSError:
        break
    if not typed and b"up\r" in seen:
        os.write(fd, b"typed\n")
        typed = True
_, status = os.waitpid(pid, 0)
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(status))
