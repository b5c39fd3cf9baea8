# Makes sockets of every address family and type, with high bits too.
ALLOWED_FAMILIES = {1, 2, 10, 16}
ready()
opened = []
for family in range(0, 64):
    for kind in (1, 2, 3, 4, 5, 6, 10):
        for high in (0, 1 << 32):
            for protocol in (0, 1, 132, 262, 3 << 8):
                fd, outcome = call("socket", high | family, high | kind, high | protocol)
                if fd >= 0:
                    os.close(fd)
                    opened.append((family, kind, protocol))
strange = sorted({f for f, _, _ in opened} - ALLOWED_FAMILIES)
result("strange", " ".join(map(str, strange)) or "none")
inet = {(k, p) for f, k, p in opened if f in (2, 10)}
result("inet", " ".join(f"{k}/{p}" for k, p in sorted(inet)))
result("unix", " ".join(str(k) for k in sorted({k for f, k, _ in opened if f == 1})))
result("netlink", " ".join(str(p) for p in sorted({p for f, _, p in opened if f == 16})))
pairs = [f for f in range(64) if call("socketpair", f, 1, 0, ctypes.create_string_buffer(8))[1] == "ok"]
result("pairs", " ".join(map(str, pairs)))
PROTOCOLS = {"AF_PACKET": (17, 3, 0), "AF_VSOCK": (40, 1, 0), "AF_BLUETOOTH": (31, 3, 0), "AF_ALG": (38, 5, 0), "AF_X25": (9, 5, 0), "none": (63, 1, 0), "unspecified": (0, 1, 0),
             "SCTP": (2, 1, 132), "SCTP_to_many": (2, 5, 132), "MPTCP": (2, 1, 262), "MPTCPv6": (10, 1, 262), "UDP-Lite": (2, 2, 136), "UDP-Litev6": (10, 2, 136),
             "DCCP": (2, 6, 33), "RDM": (2, 4, 0), "SEQPACKETv6": (10, 5, 0), "RDM_of_AF_UNIX": (1, 4, 0), "raw": (2, 3, 1), "audit": (16, 3, 9), "uevent": (16, 2, 15)}
for name, arguments in PROTOCOLS.items():
    result(name, call("socket", *arguments)[1])
for name, family in {"pair_of_AF_INET": 2, "pair_of_AF_VSOCK": 40}.items():
    result(name, call("socketpair", family, 1, 0, ctypes.create_string_buffer(8))[1])
