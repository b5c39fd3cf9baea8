# Makes a client of the listener that it inherits. shutdown(2) and connect(AF_UNSPEC) both end the listening of a TCP socket.
MSG_FASTOPEN = 0x20000000
HIGH = 0x300000000
payload = ctypes.create_string_buffer(b"turned", 6)
one = ctypes.create_string_buffer(struct.pack("=i", 1), 4)
listener = inherited()
ready()
result("listening", call("connect", listener.fileno(), address(FORBIDDEN), 16)[1])
result("unspec", disconnect(listener))
result("unspec_high", call("connect", HIGH | listener.fileno(), AF_UNSPEC_ADDRESS, HIGH | 16)[1])
try:
    listener.shutdown(socket.SHUT_RD)
except OSError:
    pass  # It no longer listens.
result("listens", listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
result("fastopen", call("sendto", listener.fileno(), payload, 6, MSG_FASTOPEN, address(FORBIDDEN), 16)[1])
result("fastopen_high", call("sendto", HIGH | listener.fileno(), payload, 6, HIGH | MSG_FASTOPEN, address(FORBIDDEN), 16)[1])
result("sendto", call("sendto", listener.fileno(), payload, 6, 0x4000, address(FORBIDDEN), 16)[1])
result("option", call("setsockopt", listener.fileno(), 6, 30, one, 4)[1])
result("connect", call("connect", listener.fileno(), address(FORBIDDEN), 16)[1])
time.sleep(0.2)
