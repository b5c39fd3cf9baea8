# Runs a command at a pseudo-terminal, and prints what it shows. Arguments: a folder to start in, and the command.
import os
import pty
import sys

pid, fd = pty.fork()
if pid == 0:
    os.chdir(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
while True:
    try:
        seen = os.read(fd, 65536)
    except OSError:
        break
    if not seen:
        break
    os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
