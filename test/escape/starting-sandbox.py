"""What a broker that was taken over reaches in sandboxes that start. Arguments: a file of the host that no plugin sees, a hidden one as it is named in a
folder that plugins see, and these folders. Looks into each new process until its standard input ends. It keeps what it could open of the folders, one of each
mount, and looks there once more at the end: what covered a file may have come off. Prints a line of JSON: how often it got either file, how many processes
it has met, and how many folders it has kept."""
import ctypes, json, os, select, stat, sys

secret, hidden, *folders = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438
DESCRIPTORS = 48
counts = {"met": 0, "by root": 0, "by descriptor": 0, "later": 0}
kept = {}


def pids():
    return {pid for pid in os.listdir("/proc") if pid.isdigit()}


def there(path, folder=None):
    try:
        os.stat(path, dir_fd=folder)
        return True
    except OSError:
        return False


def mount_of(folder):
    with open(f"/proc/self/fdinfo/{folder}") as lines:
        return next(line for line in lines if line.startswith("mnt_id"))


def keep(path):
    try:
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return
    if kept.setdefault(mount_of(folder), folder) != folder:
        os.close(folder)


def look(pid):
    for folder in folders:
        keep(f"/proc/{pid}/root{folder}")
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
counts["later"] = sum(there(hidden, folder) for folder in kept.values())
print(json.dumps(counts | {"kept": len(kept)}))
