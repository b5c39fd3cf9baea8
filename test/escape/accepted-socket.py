# Connects the sockets of its clients to another peer. They belong to the host's network namespace.
MSG_FASTOPEN, SIOCGIFCONF = 0x20000000, 0x8912
payload = ctypes.create_string_buffer(b"turned", 6)
value = ctypes.create_string_buffer(struct.pack("=iiii", 1, 0, 0, 0), 16)
store = ctypes.create_string_buffer(4096)
request = ctypes.create_string_buffer(struct.pack("=i4xQ", 4096, ctypes.addressof(store)), 16)
listener = inherited()
sock = called(listener)
sock.close()
ready()


def attempt(name, act):
    sock = called(listener)
    result("unspec_" + name, disconnect(sock))
    result(name, act(sock.fileno()))
    return sock


attempt("connect", lambda fd: call("connect", fd, address(FORBIDDEN), 16)[1])
attempt("fastopen", lambda fd: call("sendto", fd, payload, 6, MSG_FASTOPEN, address(FORBIDDEN), 16)[1])
attempt("bind", lambda fd: call("bind", fd, address(0, "0.0.0.0"), 16)[1])
attempt("ifconf", lambda fd: call("ioctl", fd, SIOCGIFCONF, request)[1])
attempt("fastopen_option", lambda fd: call("setsockopt", fd, 6, 30, value, 4)[1])
lingers = ctypes.create_string_buffer(struct.pack("=ii", 1, 5), 8)
attempt("linger", lambda fd: call("setsockopt", fd, 1, 13, lingers, 8)[1])
attempt("filter", lambda fd: call("setsockopt", fd, 1, 26, value, 16)[1])
sock = attempt("listen", lambda fd: call("listen", fd, 1)[1])
port = sock.getsockname()[1]
if port not in (0, listener.getsockname()[1]):
    print("listening", port, flush=True)
    time.sleep(3)
time.sleep(0.2)
