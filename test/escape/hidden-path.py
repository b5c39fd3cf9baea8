# Looks for files that are hidden below a visible folder: by their path, by links, by /proc, by descriptors of folders above, by
# mounts, by renaming folders above, and at the path of another mount. Arguments: folder, user's name for the secret.
import ctypes
import os
import sys

FOLDER = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
found = set()


def look(name, read):
    """Tells whether the secret was read, and why not."""
    try:
        text = read()
    except OSError as error:
        text = error.strerror
    print("result", name, "SECRET" if "SECRET" in str(text) else "nothing", flush=True)


def read(path, dir_fd=None):
    with os.fdopen(os.open(path, os.O_RDONLY, dir_fd=dir_fd)) as file:
        return file.read()


def read_all(folder, dir_fd=None):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY, dir_fd=dir_fd)
    return [read(name, fd) for name in os.listdir(fd)]


print("result", "ready", read(f"{FOLDER}/open").strip(), flush=True)
for kind, path in (("file", "shown/key"), ("folder", "keys/key"), ("deep", "keys/deep/key")):
    look(f"{kind}_path", lambda: read(f"{FOLDER}/{path}"))
    look(f"{kind}_root", lambda: read(f"/proc/self/root{FOLDER}/{path}"))
    look(f"{kind}_init", lambda: read(f"/proc/1/root{FOLDER}/{path}"))
    look(f"{kind}_dots", lambda: read(f"{FOLDER}/shown/inner/../../{path}"))
    folder = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    look(f"{kind}_descriptor", lambda: read(path, folder))
    look(f"{kind}_descriptor_path", lambda: read(f"/proc/self/fd/{folder}/{path}"))
    os.chdir(f"{FOLDER}/shown/inner")
    look(f"{kind}_relative", lambda: read(f"../../{path}"))
    look(f"{kind}_cwd", lambda: read(f"/proc/self/cwd/../../{path}"))
    os.chdir("/")
    os.symlink(f"{FOLDER}/{path}", f"/tmp/{kind}")
    look(f"{kind}_own_link", lambda: read(f"/tmp/{kind}"))
    look(f"{kind}_hard_link", lambda: (os.link(f"{FOLDER}/{path}", f"{FOLDER}/stolen-{kind}"), read(f"{FOLDER}/stolen-{kind}")))
look("link", lambda: read(f"{FOLDER}/link-to-key"))
look("folder_link", lambda: read_all(f"{FOLDER}/link-to-keys"))
look("listed", lambda: read_all(f"{FOLDER}/keys"))
look("from_inside", lambda: read("../key", os.open(f"{FOLDER}/keys/visible", os.O_RDONLY | os.O_DIRECTORY)))
look("from_inside_cwd", lambda: (os.chdir(f"{FOLDER}/keys/visible"), read("../key")))
look("unmount", lambda: (libc.umount2(f"{FOLDER}/shown/key".encode(), 2), libc.umount2(f"{FOLDER}/keys".encode(), 2), read(f"{FOLDER}/shown/key"), read(f"{FOLDER}/keys/key")))
os.mkdir("/tmp/bind")
look("bind", lambda: (libc.mount(FOLDER.encode(), b"/tmp/bind", None, 4096, None), read("/tmp/bind/shown/key")))
look("clone", lambda: read("shown/key", libc.syscall(428, -100, FOLDER.encode(), 1) + 0))
look("removed", lambda: (os.unlink(f"{FOLDER}/shown/key"), read(f"{FOLDER}/shown/key")))
look("renamed", lambda: (os.rename(f"{FOLDER}/keys", f"{FOLDER}/moved"), read(f"{FOLDER}/moved/key")))
look("renamed_around", lambda: (os.rename(f"{FOLDER}/shown", f"{FOLDER}/turned"), read(f"{FOLDER}/turned/key")))
try:
    open(f"{FOLDER}/keys/written", "w")
    print("result written yes")
except OSError as error:
    print("result written", error.errno)
print("result visible_inside", read(f"{FOLDER}/keys/visible/file").strip())
