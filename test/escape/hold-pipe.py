# Takes the lock of a pipe that a process outside reads. Also makes children of the supervisor, and files with set-uid bits.
import subprocess
import tempfile

ready()
numbers = {"splice": (275, 76), "tee": (276, 77), "vmsplice": (278, 75), "sendfile": (40, 71), "fchmod": (91, 52), "openat": (257, 56), "openat2": (437, 437), "fchmodat": (268, 53)}
NR.update({name: pair[0 if X86 else 1] for name, pair in numbers.items()})
a, b = socket.socketpair()
a.setblocking(False)
r, w = os.pipe()
result("splice", call("splice", a.fileno(), 0, w, 0, 10, 2)[1])
result("sendfile", call("sendfile", w, a.fileno(), 0, 10)[1])
result("tee", call("tee", r, w, 10, 2)[1])
result("vmsplice", call("vmsplice", w, ctypes.create_string_buffer(16), 0, 0)[1])
CLONE_PARENT, SIGCHLD = 0x8000, 17
for name, high in (("parent", 0), ("parent_high", 1 << 40)):
    pid, outcome = call("clone", high | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    result(name, outcome)
file = tempfile.NamedTemporaryFile()
HIGH = 3 << 32
result("fchmod", call("fchmod", HIGH | file.fileno(), HIGH | 0o4755)[1])
result("fchmod_group", call("fchmod", file.fileno(), 0o2755)[1])
result("fchmodat", call("fchmodat", -100, ctypes.create_string_buffer(file.name.encode()), HIGH | 0o4755)[1])
result("openat", call("openat", -100, ctypes.create_string_buffer(b"/tmp/suid"), HIGH | 0o101, HIGH | 0o4755)[1])
result("tmpfile", call("openat", -100, ctypes.create_string_buffer(b"/tmp"), 0o20200002, 0o4755)[1])
result("openat2", call("openat2", -100, ctypes.create_string_buffer(b"/tmp/x"), ctypes.create_string_buffer(24), 24)[1])
result("ordinary", call("fchmod", file.fileno(), 0o755)[1])
result("datagram", call("socket", 1, 2, 0)[1])
result("raw", call("socket", 1, 3, 0)[1])
result("datagram_pair", call("socketpair", 1, 2, 0, ctypes.create_string_buffer(8))[1])
result("datagram_high", call("socket", 1, 5 << 32 | 2, 0)[1])
