# Exchanges a folder and a file, by name or by descriptor, while another thread sets their mode. argv: a writable folder, the way, the least
# number of exchanges and of calls, and of calls with each result.
import ctypes
import os
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2
os.chdir(sys.argv[1])
way, exchanges, calls, both = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
folder, file = os.open("folder", os.O_RDONLY), os.open("file", os.O_RDONLY)
number = os.dup(folder)
made = 0
over = False


def exchange():
    global made
    while not over:
        if way == "name":
            assert libc.renameat2(AT_FDCWD, b"folder", AT_FDCWD, b"file", RENAME_EXCHANGE) == 0
        else:
            os.dup2((file, folder)[made % 2], number)
        made += 1


counts = {0: 0, 1: 0}
target = "folder" if way == "name" else number
thread = threading.Thread(target=exchange)
thread.start()
while made < exchanges or sum(counts.values()) < calls or min(counts[0], counts[1]) < both:
    try:
        os.chmod(target, 0o2755)
        counts[0] += 1
    except OSError as error:
        counts[error.errno] = counts.get(error.errno, 0) + 1
over = True
thread.join()
print(counts[0], counts[1])
