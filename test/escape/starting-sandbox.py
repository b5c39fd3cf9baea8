"""What a broker that was taken over reaches in sandboxes that start. Arguments: a file of the host that no plugin sees, and a hidden one as it is named in a
folder that plugins see. Looks into each new process until its standard input ends, and prints a line of JSON: how often it got either, and how many
processes it has met."""
import ctypes, json, os, select, stat, sys

secret, hidden = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438
DESCRIPTORS = 48
counts = {"met": 0, "by root": 0, "by descriptor": 0}


def pids():
    return {pid for pid in os.listdir("/proc") if pid.isdigit()}


def there(path, folder=None):
    try:
        os.stat(path, dir_fd=folder)
        return True
    except OSError:
        return False


def look(pid):
    counts["by root"] += there(f"/proc/{pid}/root{secret}")
    handle = libc.syscall(PIDFD_OPEN, int(pid), 0)
    if handle < 0:
        return
    for number in range(DESCRIPTORS):
        taken = libc.syscall(PIDFD_GETFD, handle, number, 0)
        if taken < 0:
            if ctypes.get_errno() != 9:
                break
            continue
        if stat.S_ISDIR(os.fstat(taken).st_mode):
            up = "../" * 16
            counts["by descriptor"] += there(hidden, taken) or there(up + secret[1:], taken)
        os.close(taken)
    os.close(handle)


before = pids() | {str(os.getpid())}
met = set()
print("looks", flush=True)
while not select.select([0], [], [], 0)[0]:
    new = pids() - before
    counts["met"] += len(new - met)
    met |= new
    for pid in new:
        look(pid)
print(json.dumps(counts))
