"""Runs a command in a session that has a terminal, with no standard stream at this terminal. Prints what the command printed.

Arguments: the command.
"""

import os
import pty
import sys

read, write = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    null = os.open("/dev/null", os.O_RDWR)
    for stream, descriptor in enumerate((null, write, null)):
        os.dup2(descriptor, stream)
    os.close(os.open("/dev/tty", os.O_RDWR))
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(write)
with os.fdopen(read) as said:
    print(said.read(), end="")
os.waitpid(pid, 0)
