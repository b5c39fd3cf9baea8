# Tries to redirect each socket that it can get, in each process that can hold it, by each call that can do so. It also asks each socket
# about the host.
HIGH = 0x500000000
MSG_FASTOPEN, MSG_NOSIGNAL, MSG_ERRQUEUE = 0x20000000, 0x4000, 0x2000
SIOCGIFCONF, SIOCGSKNS, SIOCETHTOOL = 0x8912, 0x894C, 0x8946
payload = ctypes.create_string_buffer(b"x", 1)
target = ctypes.create_string_buffer(address(FORBIDDEN), 16)
mapped = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", FORBIDDEN, 0) + bytes(10) + b"\xff\xff" + socket.inet_aton("127.0.0.1") + bytes(4)
iov = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(payload), 1), 16)
header = struct.pack("=QI4xQQQQi4x", ctypes.addressof(target), 16, ctypes.addressof(iov), 1, 0, 0, 0)
message = ctypes.create_string_buffer(header + struct.pack("=I4x", 0), len(header) + 8)
store = ctypes.create_string_buffer(4096)
request = ctypes.create_string_buffer(struct.pack("=i4xQ", 4096, ctypes.addressof(store)), 40)
# Facts of the host that a socket could show: device, mark, filter, options, interfaces of packets, multicast groups, firewall rules.
FACTS = {
    "SO_BINDTODEVICE": (1, 25), "SO_BINDTOIFINDEX": (1, 62), "SO_MARK": (1, 36), "SO_GET_FILTER": (1, 26), "SO_PEERSEC": (1, 31),
    "IP_OPTIONS": (0, 4), "IP_PKTOPTIONS": (0, 9), "IP_UNICAST_IF": (0, 50), "IP_MULTICAST_IF": (0, 32), "IP_MSFILTER": (0, 41),
    "IPT_SO_GET_INFO": (0, 64), "IPT_SO_GET_ENTRIES": (0, 65), "ARPT_SO_GET_INFO": (0, 96), "EBT_SO_GET_INFO": (0, 128),
    "IP_VS_SO_GET_INFO": (0, 1153), "IPV6_2292PKTOPTIONS": (41, 6), "IPV6_FLOWLABEL_MGR": (41, 32), "IPV6_RTHDR": (41, 57),
    "TCP_FASTOPEN_KEY": (6, 33), "TCP_SAVED_SYN": (6, 28), "TCP_ULP": (6, 31), "TCP_MD5SIG": (6, 14), "TCP_AO_GET_KEYS": (6, 41),
}
LEVELS = (0, 1, 6, 17, 41, 58, 132, 136, 255, 263, 270, 273, 275, 280, 282, 283, 284, 285, 286)


def tells(fd):
    """Names of the facts that a getsockopt(2) answers with more than zeros."""
    for name, (level, option) in FACTS.items():
        for high in (0, HIGH):
            room, length = ctypes.create_string_buffer(512), ctypes.create_string_buffer(struct.pack("=I", 512), 4)
            if call("getsockopt", fd, high | level, high | option, room, length)[1] == "ok":
                if any(room.raw[: struct.unpack("=I", length.raw)[0]]):
                    yield name


def options():
    """Every pair of level and option that the filter lets pass: the kernel, or the broker, then finds no descriptor."""
    for level in LEVELS:
        passed = [n for n in range(130) for high in (0, HIGH) if call("setsockopt", -1, high | level, high | n, 0, 0)[1] == "EBADF"]
        if passed:
            yield f"{level}:{','.join(str(n) for n in sorted(set(passed)))}"


def behave(name, sock):
    fd = sock.fileno()

    def attempt(what, *calls):
        result(f"{name}/{what}", " ".join(dict.fromkeys(call(*words)[1] for words in calls)))

    attempt("unspec", ("connect", fd, AF_UNSPEC_ADDRESS, 16), ("connect", HIGH | fd, AF_UNSPEC_ADDRESS, HIGH | 16))
    attempt("connect", ("connect", fd, target, 16))
    try:
        if sock.getpeername()[1] == FORBIDDEN:
            sock.send(f"<{name}>".encode())
    except (OSError, IndexError):
        pass
    attempt("connect_high", ("connect", HIGH | fd, target, HIGH | 16))
    attempt("mapped", ("connect", fd, mapped, 28))
    attempt("path", ("connect", fd, b"\x01\x00/nobody\0", 10))
    attempt("abstract", ("connect", fd, b"\x01\x00\0nobody", 9))
    attempt("fastopen", ("sendto", fd, payload, 1, MSG_FASTOPEN, target, 16), ("sendto", HIGH | fd, payload, 1, HIGH | MSG_FASTOPEN, target, HIGH | 16), ("sendmsg", fd, message, MSG_FASTOPEN), ("sendmmsg", fd, message, 1, HIGH | MSG_FASTOPEN))
    attempt("errors", ("recvmsg", fd, 0, MSG_ERRQUEUE), ("recvmsg", HIGH | fd, 0, HIGH | MSG_ERRQUEUE))
    attempt("ioctls", *[("ioctl", fd, high | number, request) for number in (SIOCGIFCONF, SIOCGSKNS, SIOCETHTOOL, 0x8B01, 0x89F0) for high in (0, HIGH)])
    result(f"{name}/tells", " ".join(dict.fromkeys(tells(fd))) or "nothing")
    if name.endswith("/same"):
        result(f"{name}/options", " ".join(options()))
    attempt("listen", ("listen", fd, 1), ("listen", HIGH | fd, HIGH | 1))
    attempt("bind", ("bind", fd, address(0, "0.0.0.0"), 16), ("bind", HIGH | fd, address(0, "0.0.0.0"), HIGH | 16))


if "POSTERN_SOCKET" not in os.environ:
    ready()
in_every_way(behave)
