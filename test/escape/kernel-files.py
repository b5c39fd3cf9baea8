# Opens for writing each file in /proc, of the system and of init. Makes device nodes, and looks for other kernel files.
import glob
import resource
import stat


def opens(path):
    try:
        os.close(os.open(path, os.O_WRONLY))
        return True
    except OSError:
        return False


def tried(act):
    try:
        act()
    except OSError as error:
        return name_of(error.errno)
    return "ok"


ready()
files = [path for path in glob.glob("/proc/*") if os.path.isfile(path)]
for top in ("/proc/sys", "/proc/1"):
    files += [f"{folder}/{name}" for folder, _, names in os.walk(top) for name in names]
result("files", "many" if len(files) > 500 else len(files))
result("opened", " ".join(path for path in files if opens(path)) or "none")
for name, mode, device in (("memory", stat.S_IFCHR, (1, 1)), ("null", stat.S_IFCHR, (1, 3)), ("disk", stat.S_IFBLK, (8, 0))):
    result(f"make_{name}", tried(lambda: os.mknod(f"/tmp/{name}", mode | 0o666, os.makedev(*device))))
result("devices", " ".join(sorted(os.listdir("/dev"))))
result("terminals", " ".join(sorted(os.listdir("/dev/pts"))))
result("terminal", tried(lambda: os.open("/dev/tty", os.O_RDWR)))
result("sys", tried(lambda: os.listdir("/sys")))
result("core", "{} {}".format(*resource.getrlimit(resource.RLIMIT_CORE)))
result("core_raised", "ok" if libc.prlimit(0, resource.RLIMIT_CORE, ctypes.create_string_buffer(struct.pack("=QQ", 2**40, 2**40), 16), None) == 0 else name_of(ctypes.get_errno()))
