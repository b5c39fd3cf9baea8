# Asks for the forbidden listener under every spelling of its address, and in requests with extra words.
ready()
PORTS = (FORBIDDEN, FORBIDDEN + 65536, FORBIDDEN - 65536, FORBIDDEN + 2**32, -1, 0, 2**64 - 1)
HOSTS = """
    127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.000.000.001 127.0.0.1. 0127.0.0.1 127.0.0.2 0 0.0.0.0 0.0.0.1
    localhost LOCALHOST localhost. x.localhost ip6-localhost localhost.localdomain ::1 [::1] ::ffff:127.0.0.1 ::ffff:7f00:1 ::127.0.0.1
    [::ffff:127.0.0.1] 0:0:0:0:0:ffff:7f00:1 64:ff9b::7f00:1 64:ff9b::127.0.0.1 2002:7f00:1:: fe80::1%lo ::1%lo 127.0.0.1%lo :: [::] ::ffff:0:0
    127.0.0.1:443 user@127.0.0.1 http://127.0.0.1/ //127.0.0.1 127.0.0.1/8 127.0.0.1#x 127.0.0.1?x 127。0。0。1 １２７.0.0.1 ①②⑦.0.0.1 ℓocalhost loc\u00adalhost
    *.localhost * 127.0.0.* @loopback unix:/run/x - ..
""".split() + ["", " ", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\n", "127.0.0.1\0.example.com", "127.0.0.1,127.0.0.1", "\t127.0.0.1", "a" * 300, "." * 64, "ⅼocalhost", "\ud7ff", "127.0.0.1\u200b"]
opened, answers = [], {}


def ask(**request):
    """Asks, and talks to what is handed over."""
    try:
        _, fd = channel._ask(request)
        if fd is not None:
            sock = socket.socket(fileno=fd)
            opened.append(sock.getpeername()[1])
            sock.send(b"spelled")
            sock.close()
        return "ok"
    except ConnectError as error:
        return f"{error.name} {error.reason}"
    except BrokenPipeError:
        return "EPIPE None"


def hostile():
    global channel
    channel = Channel.from_environment()
    for host in HOSTS:
        answers[host] = ask(op="connect", host=host, port=FORBIDDEN)
    for port in PORTS:
        answers[port] = ask(op="connect", host="127.0.0.1", port=port)
    # No request may have these words, so the session ends.
    other = {"address": "127.0.0.1", "dial": [{"address": "127.0.0.1"}], "decision": "allow", "mode": "audit", "plugin": "another", "pid": 1, "door": "trap"}
    for key, value in other.items():
        answers["others"] = ask(op="connect", host="127.0.0.1", port=FORBIDDEN, **{key: value})


def trapped_spellings():
    """The same by connect(2): families, lengths, and what lies behind an address."""
    v4, port = socket.inet_aton("127.0.0.1"), struct.pack("!H", FORBIDDEN)
    for family, tail in (
        (2, v4 + bytes(8)), (2, v4 + b"\xff" * 8), (2, v4 + bytes(112)), (2, socket.inet_aton("0.0.0.0") + bytes(8)), (2, socket.inet_aton("127.0.0.2") + bytes(8)), (0, v4 + bytes(8)), (2, v4),
        *((10, bytes(4) + socket.inet_pton(10, text) + struct.pack("=I", scope)) for text in ("::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::", "::ffff:0.0.0.0") for scope in (0, 1, 0xFFFFFFFF)),
    ):
        for own in (2, 10):
            sock = socket.socket(own)
            sock.settimeout(1)
            data = struct.pack("=H", family) + port + tail
            for length in (len(data), 128, 8):
                if call("connect", sock.fileno(), ctypes.create_string_buffer(data, 128), length)[1] == "ok" and family:
                    opened.append(sock.getpeername()[1])
                    sock.send(b"spelled")


hostile()
trapped_spellings()
result("hosts", f"{len(set(HOSTS) & set(answers))} of {len(set(HOSTS))}")
result("opened", " ".join(map(str, sorted(set(opened)))) or "none")
result("reasons", " ".join(sorted({answer.split(" ")[1] if " " in answer else answer for host, answer in answers.items() if host in HOSTS})))
result("ports", " ".join(sorted({answers[port].split(" ")[-1] for port in PORTS})))
result("others", answers["others"])
