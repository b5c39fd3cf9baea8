# A pipeline at a terminal. postern is one of its programs, and the plugin renices and signals the process group. Prints what became of
# the other program, and how each one ended.
# Arguments: how to run postern.
import os
import pty
import sys

pid, fd = pty.fork()
if pid == 0:
    script = """set -m
        "$@" -- sh -c "trap : USR1; renice -n 7 -g 0 >/dev/null; echo; sleep 0.3; kill -USR1 0; kill -USR1 -- -0; echo went on" 2>/dev/null |
        { read line; echo nice $(cut -d" " -f19 /proc/self/stat); cat; }
        echo "ended ${PIPESTATUS[@]}\""""
    os.execvp("bash", ["bash", "-c", script, "bash", *sys.argv[1:]])
said = b""
while True:
    try:
        text = os.read(fd, 4096)
    except OSError:
        break
    if not text:
        break
    said += text
os.waitpid(pid, 0)
print(said.decode().replace("\r", ""), end="")
