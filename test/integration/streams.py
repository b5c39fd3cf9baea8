# Tells whether postern changed the flags of the pipes that it was started with. Arguments: how to run postern.
import fcntl
import os
import subprocess
import sys

PROGRAM = """
import fcntl, os
print([fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK for fd in (0, 1, 2)], flush=True)
os.write(2, b"x" * 3_000_000)
os.write(1, b"y" * 3_000_000)
"""
run = [*sys.argv[1:], "run", "--", "/usr/bin/python3", "-c", PROGRAM]
done = subprocess.run(run, stdin=subprocess.PIPE, capture_output=True)
flags, rest = done.stdout.split(b"\n", 1)
print(flags.decode(), len(rest), len(done.stderr), done.returncode)
