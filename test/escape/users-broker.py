"""What a program reaches in the place of a user's broker. Arguments: a file of the user, another program of the user with that file as its descriptor 9,
and a plugin. Prints a line of JSON: what each attempt came to."""
import ctypes, errno, json, os, sys

secret, other, plugin = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def getfd():
    call(libc.syscall(PIDFD_GETFD, call(libc.syscall(PIDFD_OPEN, other, 0)), 9, 0))


def memory():
    with open(f"/proc/{other}/stat") as stat:
        start_of_stack = int(stat.read().rsplit(")", 1)[1].split()[25])

    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    into = ctypes.create_string_buffer(8)
    ours = Part(ctypes.addressof(into), 8)
    theirs = Part(start_of_stack, 8)
    call(libc.process_vm_readv(other, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))


ATTEMPTS = {
    "file": lambda: open(secret),
    "terminal": lambda: os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY),
    "environment": lambda: open(f"/proc/{other}/environ").read(),
    "descriptor": lambda: open(f"/proc/{other}/fd/9"),
    "root": lambda: open(f"/proc/{other}/root{secret}"),
    "duplicate": getfd,
    "memory": memory,
    "plugin": lambda: os.listdir(f"/proc/{plugin}/root"),
}

results = {}
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
        results[name] = "ok"
    except OSError as error:
        results[name] = errno.errorcode[error.errno]
print(json.dumps(results))
