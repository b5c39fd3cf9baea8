# Sets options that redirect a connection, name an interface or take the socket over, with high bits too. A kernel without the others answers
# ENOPROTOOPT.
DANGEROUS = {
    "TCP_FASTOPEN_CONNECT": (6, 30), "TCP_ULP": (6, 31), "TCP_REPAIR": (6, 19), "TCP_SAVE_SYN": (6, 27),
    "IPV6_RTHDR": (41, 57), "IPV6_RTHDRDSTOPTS": (41, 55), "IPV6_HOPOPTS": (41, 54), "IPV6_DSTOPTS": (41, 59), "IPV6_PKTINFO": (41, 50),
    "IPV6_UNICAST_IF": (41, 76), "IPV6_TRANSPARENT": (41, 75), "IPV6_FREEBIND": (41, 78), "IPV6_JOIN_ANYCAST": (41, 27),
    "IP_OPTIONS": (0, 4), "IP_UNICAST_IF": (0, 50), "IP_TRANSPARENT": (0, 19), "IP_FREEBIND": (0, 15),
    "MCAST_JOIN_GROUP": (0, 42), "MCAST_JOIN_SOURCE_GROUP": (0, 46), "MCAST_JOIN_GROUP6": (41, 42), "MCAST_JOIN_SOURCE_GROUP6": (41, 46),
    "IP_ADD_SOURCE_MEMBERSHIP": (0, 39),
    "SO_BINDTODEVICE": (1, 25), "SO_BINDTOIFINDEX": (1, 62), "SO_ATTACH_FILTER": (1, 26), "SO_ATTACH_BPF": (1, 50),
    "SO_ATTACH_REUSEPORT_CBPF": (1, 51), "SO_ATTACH_REUSEPORT_EBPF": (1, 52), "SO_LOCK_FILTER": (1, 44), "SO_LINGER": (1, 13), "SO_MARK": (1, 36),
    "SO_DONTROUTE": (1, 5), "SO_TXTIME": (1, 61), "SO_ZEROCOPY": (1, 60), "SO_TIMESTAMPING": (1, 37), "SO_MAX_PACING_RATE": (1, 47),
}
UNKNOWN = {
    "TCP_FASTOPEN": (6, 23), "TCP_MD5SIG": (6, 14), "IPV6_2292PKTINFO": (41, 2), "IPV6_2292RTHDR": (41, 5), "IPV6_2292PKTOPTIONS": (41, 6),
    "IPV6_ADDRFORM": (41, 1), "IPV6_FLOWLABEL_MGR": (41, 32), "IP_HDRINCL": (0, 3), "MCAST_LEAVE_GROUP": (0, 45), "IP_BLOCK_SOURCE": (0, 38),
    "IPT_SO_SET_REPLACE": (0, 64), "SO_DEBUG": (1, 1), "SO_RCVBUFFORCE": (1, 33), "SO_BUSY_POLL": (1, 46),
    "NETLINK_ADD_MEMBERSHIP": (270, 1), "TLS_TX": (282, 1), "MPTCP_INFO": (284, 1), "SOL_RAW": (255, 1),
}
ANSWERS = {**dict.fromkeys(DANGEROUS, "EPERM"), **dict.fromkeys(UNKNOWN, "ENOPROTOOPT")}
value = ctypes.create_string_buffer(struct.pack("=iiii", 1, 0, 0, 0), 16)
lingers = ctypes.create_string_buffer(struct.pack("=iiii", 1, 1, 0, 0), 16)
sock = handed_over()
ready()
passed = []
for name, (level, option) in {**DANGEROUS, **UNKNOWN}.items():
    for high_level, high_option in ((0, 0), (1 << 32, 0), (0, 1 << 32), (7 << 32, 5 << 32)):
        given = lingers if name == "SO_LINGER" else value
        if call("setsockopt", sock.fileno(), high_level | level, high_option | option, given, 16)[1] != ANSWERS[name]:
            passed.append(name)
result("passed", " ".join(sorted(set(passed))) or "none")
# Only a program with a capability where the socket belongs may have the packets sent before all others.
result("priority", call("setsockopt", sock.fileno(), 1, 12, ctypes.create_string_buffer(struct.pack("=i", 7), 4), 4)[1])
# The kernel lets no stream join a group, or choose an interface for one. It looks at the arguments afterwards: 224.0.0.251 and ff02::fb.
group4, group6 = socket.inet_aton("224.0.0.251"), socket.inet_pton(socket.AF_INET6, "ff02::fb")
MULTICAST = {
    "IP_MULTICAST_IF": (0, 32, group4 + bytes(4) + struct.pack("=i", 1)),
    "IP_MULTICAST_TTL": (0, 33, struct.pack("=i", 1)),
    **{name: (0, option, group4 + bytes(4) + struct.pack("=i", 1)) for name, option in {"IP_ADD_MEMBERSHIP": 35, "IP_DROP_MEMBERSHIP": 36}.items()},
    **{name: (41, option, group6 + struct.pack("=i", 1)) for name, option in {"IPV6_JOIN_GROUP": 20, "IPV6_LEAVE_GROUP": 21}.items()},
    "IPV6_MULTICAST_IF": (41, 17, struct.pack("=i", 1)),
}
joined = []
for name, (level, option, argument) in MULTICAST.items():
    for high in (0, 1 << 32):
        if call("setsockopt", sock.fileno(), high | level, high | option, ctypes.create_string_buffer(argument, len(argument)), len(argument))[1] == "ok":
            joined.append(name)
result("joined", " ".join(joined) or "none")
# A stream tells no interface with what it brings, here the upstream's welcome.
control = "no answer"
try:
    fresh = channel.connect("127.0.0.1", ALLOWED)
    fresh.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    fresh.settimeout(5)
    control = str(len(fresh.recvmsg(100, 1000)[1]))
except OSError as error:
    control = str(error)
result("control", control)
# The control data of a segment names the interface of the host by which it came.
told = []
length = ctypes.create_string_buffer(struct.pack("=I", 16), 4)
for name, (level, option) in {"IPV6_2292PKTOPTIONS": (41, 6), "IP_PKTOPTIONS": (0, 9)}.items():
    for high in (0, 1 << 32):
        if call("getsockopt", sock.fileno(), high | level, high | option, value, length)[1] != "EPERM":
            told.append(name)
# Without room for the length the kernel answers EFAULT before it looks whether a security module has a label.
for high in (0, 1 << 32):
    if call("getsockopt", sock.fileno(), high | 1, high | 31, value, 0)[1] != "ENOPROTOOPT":
        told.append("SO_PEERSEC")
# A handle of the process at the other end: here the program itself, for which the kernel would give one.
ours, theirs = socket.socketpair()
for high in (0, 1 << 32):
    if call("getsockopt", ours.fileno(), high | 1, high | 77, value, length)[1] != "ENOPROTOOPT":
        told.append("SO_PEERPIDFD")
result("told", " ".join(sorted(set(told))) or "none")
# An option that fills the error queue is answered with 0, and stays off.
reports = []
for level, option in ((0, 11), (41, 25)):
    own = socket.socket(socket.AF_INET if level == 0 else socket.AF_INET6, socket.SOCK_DGRAM)
    for name, one in (("handed_over", sock), ("own", own)):
        for high in (0, 3 << 32):
            if level == 41 and one is sock:
                continue
            outcome = call("setsockopt", one.fileno(), high | level, high | option, value, 4)[1]
            reports.append(outcome if outcome != "ok" else str(one.getsockopt(level, option)))
result("reports", " ".join(sorted(set(reports))))
ordinary = {"IP_MULTICAST_ALL": (0, 49), "TCP_NODELAY": (6, 1), "SO_KEEPALIVE": (1, 9), "TCP_KEEPIDLE": (6, 4), "SO_RCVBUF": (1, 8), "IP_TOS": (0, 1), "SO_REUSEADDR": (1, 2)}
broken = [name for name, (level, option) in ordinary.items() if call("setsockopt", sock.fileno(), level, option, value, 4)[1] != "ok"]
result("broken", " ".join(broken) or "none")
