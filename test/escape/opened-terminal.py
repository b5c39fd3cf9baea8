"""Opens a terminal without O_NOCTTY, ends it, and tells what became of this process."""

import os
import signal

heard = []
signal.signal(signal.SIGHUP, lambda *_: heard.append("SIGHUP"))
try:
    os.open("/dev/tty", os.O_RDWR)
    heard.append("has a terminal")
except OSError as error:
    heard.append(os.strerror(error.errno))
master, slave = os.openpty()
again = os.open(os.ttyname(slave), os.O_RDWR)
try:
    os.tcgetpgrp(again)
    heard.append("has it as its own")
except OSError as error:
    heard.append(os.strerror(error.errno))
for descriptor in (again, slave, master):
    os.close(descriptor)
print(", ".join(heard))
