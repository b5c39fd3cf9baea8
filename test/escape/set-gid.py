# Makes set-gid files in each way that chmod(2) and its relatives have. argv: a writable folder, and the ones that must stay as they are.
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
FCHMODAT2, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_FDCWD = 452, 0x100, 0x1000, -100
os.chdir(sys.argv[1])


def fchmodat2(folder, path, mode, flags):
    if libc.syscall(FCHMODAT2, folder, path, mode, flags) < 0:
        raise OSError(ctypes.get_errno(), "")


file = os.open("file", os.O_RDWR)
here = os.open(".", os.O_RDONLY)
handle = os.open("file", os.O_PATH)
inner = os.open("folder", os.O_RDONLY)
SET_GID = 0o2755
attempts = {
    "chmod": lambda: os.chmod("file", SET_GID),
    "absolute": lambda: os.chmod(os.path.abspath("file"), SET_GID),
    "fchmod": lambda: os.fchmod(file, SET_GID),
    "fchmodat": lambda: os.chmod("file", SET_GID, dir_fd=here),
    "fchmodat2": lambda: fchmodat2(here, b"file", SET_GID, 0),
    "link": lambda: os.chmod("to-file", SET_GID),
    "link_itself": lambda: fchmodat2(AT_FDCWD, b"to-folder", SET_GID, AT_SYMLINK_NOFOLLOW),
    "no_follow": lambda: fchmodat2(AT_FDCWD, b"file", SET_GID, AT_SYMLINK_NOFOLLOW),
    "descriptor": lambda: os.chmod(f"/proc/self/fd/{file}", SET_GID),
    "handle": lambda: os.chmod(f"/proc/self/fd/{handle}", SET_GID),
    "empty": lambda: fchmodat2(file, b"", SET_GID, AT_EMPTY_PATH),
    "empty_handle": lambda: fchmodat2(handle, b"", SET_GID, AT_EMPTY_PATH),
    "upper_bits": lambda: fchmodat2(AT_FDCWD, b"file", 3 << 32 | SET_GID, 0),
    "fifo": lambda: os.chmod("fifo", SET_GID),
    "socket": lambda: os.chmod("socket", SET_GID),
    "set_uid": lambda: os.chmod("file", 0o4755),
    "both": lambda: os.chmod("file", 0o6755),
    "set_uid_folder": lambda: os.chmod("folder", 0o4755),
    "both_folder": lambda: os.fchmod(inner, 0o6755),
    "create": lambda: os.open("made", os.O_CREAT | os.O_WRONLY, SET_GID),
    "mknod": lambda: os.mknod("made", 0o100000 | SET_GID),
}
for index, path in enumerate(sys.argv[2:]):
    attempts[f"elsewhere_{index}"] = lambda path=path: os.chmod(path, SET_GID)
for name, attempt in attempts.items():
    try:
        attempt()
        print(name, "ok")
    except OSError as error:
        print(name, os.strerror(error.errno))
