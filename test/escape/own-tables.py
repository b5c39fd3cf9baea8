# A thread with its own descriptor table connects a descriptor number. In the table of its process, that number is another socket.
import ctypes
import errno
import os
import socket
import struct
import sys
import threading

CLONE_FILES = 0x400
libc = ctypes.CDLL(None, use_errno=True)
leader = socket.socket(type=socket.SOCK_DGRAM)
number = leader.fileno()
address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", int(sys.argv[1])) + socket.inet_aton("127.0.0.1") + bytes(8)


def connected(sock):
    try:
        return bool(sock.getpeername())
    except OSError:
        return False


def thread():
    if libc.unshare(CLONE_FILES) < 0:
        print("unshare", ctypes.get_errno())
    mine = socket.socket()
    os.dup2(mine.fileno(), number)
    result = libc.connect(number, address, 16)
    print("thread", errno.errorcode[ctypes.get_errno()] if result < 0 else "ok", connected(mine))


worker = threading.Thread(target=thread)
worker.start()
worker.join()
print("leader", connected(leader))
