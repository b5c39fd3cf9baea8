# Asks its socket, which belongs to the host, for the host's interfaces and addresses. Also types into the terminal.
SIOCGIFCONF, TIOCSTI, TIOCLINUX = 0x8912, 0x5412, 0x541C
# These five name no interface. The first two do what F_SETOWN does, the next two what F_GETOWN does.
FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCATMARK = range(0x8901, 0x8906)
HIGH = 0x800000000
sock = handed_over()
ready()
store = ctypes.create_string_buffer(4096)
request = ctypes.create_string_buffer(struct.pack("=i4xQ", 4096, ctypes.addressof(store)), 40)
value, outcome = call("ioctl", sock.fileno(), SIOCGIFCONF, request)
result("ifconf", outcome)
result("ifconf_high", call("ioctl", sock.fileno(), HIGH | SIOCGIFCONF, request)[1])
OTHERS = [n for n in range(0x8900, 0x8A00) if not FIOSETOWN <= n <= SIOCATMARK]
result("all", " ".join(sorted({call("ioctl", sock.fileno(), high | n, request)[1] for n in OTHERS for high in (0, HIGH)})))
result("wireless", " ".join(sorted({call("ioctl", sock.fileno(), 0x8B00 | n, request)[1] for n in range(256)})))
# With another high half they are other requests, which a kernel may come to know.
result("encoded", " ".join(sorted({call("ioctl", sock.fileno(), 1 << bit | n, request)[1] for bit in range(16, 32) for n in range(0x8900, 0x8908)})))
number = ctypes.create_string_buffer(4)
int_of = lambda: struct.unpack("=i", number.raw)[0]


def asked(what, value=0):
    number.raw = struct.pack("=i", value)
    return call("ioctl", sock.fileno(), what, number)[1]


result("own", " ".join([asked(SIOCSPGRP, os.getpid()), asked(FIOSETOWN, os.getpid()), asked(HIGH | FIOSETOWN, os.getpid())]))
result("owner", " ".join(f"{asked(what)} {int_of() == os.getpid()}" for what in (FIOGETOWN, SIOCGPGRP)))
result("mark", f"{asked(SIOCATMARK, 7)} {int_of()}")
# Of all processes it finds those of its own sandbox: init, its sleep(1) and itself.
owners = [pid for pid in range(1, 70000) if asked(SIOCSPGRP, pid) == "ok"]
result("owners", " ".join("own" if os.path.exists(f"/proc/{pid}") else str(pid) for pid in owners))
result("sti", call("ioctl", 0, TIOCSTI, store)[1])
result("sti_high", call("ioctl", 0, 0x100000000 | TIOCSTI, store)[1])
result("linux", call("ioctl", 0, TIOCLINUX, store)[1])
