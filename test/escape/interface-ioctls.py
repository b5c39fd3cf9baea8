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
# These read. Of the sandbox's own sockets the broker answers them, where it sees the calls.
READS = [0x8910, SIOCGIFCONF, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933, 0x8942, 0x8970]
one = ctypes.create_string_buffer(40)


def ask(fd, what, name=b"", number=0):
    one.raw = struct.pack("=16si20x", name, number)
    return call("ioctl", fd, what, one)[1]


def listed(fd):
    request.raw = struct.pack("=i4xQ24x", 4096, ctypes.addressof(store))
    outcome = call("ioctl", fd, SIOCGIFCONF, request)[1]
    entries = [store.raw[at : at + 40] for at in range(0, struct.unpack("=i36x", request.raw)[0], 40)] if outcome == "ok" else []
    return " ".join([outcome, *(f"{entry[:16].rstrip(bytes(1)).decode()}={socket.inet_ntoa(entry[20:24])}" for entry in entries)])


def names(fd):
    return " ".join(f"{at}={one.raw[:16].rstrip(bytes(1)).decode()}" for at in range(0, 64) if ask(fd, 0x8910, b"", at) == "ok")


for kind, (family, type) in {"tcp": (2, 1), "udp": (2, 2), "tcp6": (10, 1), "unix": (1, 1), "netlink": (16, 3)}.items():
    own = socket.socket(family, type)
    result(f"others_{kind}", " ".join(sorted({ask(own.fileno(), high | n, b"lo") for n in OTHERS if n not in READS for high in (0, HIGH)})))
    result(f"list_{kind}", listed(own.fileno()))
    result(f"names_{kind}", names(own.fileno()))
result("reads", " ".join(sorted({ask(sock.fileno(), high | what, name, at) for what in READS for high in (0, HIGH) for name, at in ((b"lo", 0), (b"", 1))})))
result("host_names", names(sock.fileno()))
null = os.open("/dev/null", os.O_RDWR)
result("no_socket", f"{ask(null, 0x8933, b'lo')} {ask(-1, 0x8933, b'lo')}")
result("memory", f"{call('ioctl', own.fileno(), 0x8933, 0)[1]} {call('ioctl', own.fileno(), SIOCGIFCONF, 8)[1]} {call('ioctl', own.fileno(), 0x8933, -4096)[1]}")
result("sti", call("ioctl", 0, TIOCSTI, store)[1])
result("sti_high", call("ioctl", 0, 0x100000000 | TIOCSTI, store)[1])
result("linux", call("ioctl", 0, TIOCLINUX, store)[1])
