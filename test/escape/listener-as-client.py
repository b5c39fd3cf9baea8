# Makes a client of the listener that it inherits. shutdown(2) takes a TCP socket out of listening, as connect(AF_UNSPEC) does.
MSG_FASTOPEN = 0x20000000
HIGH = 0x300000000
payload = ctypes.create_string_buffer(b"turned", 6)
one = ctypes.create_string_buffer(struct.pack("=i", 1), 4)
door = inherited()
ready()
result("listening", call("connect", door.fileno(), address(FORBIDDEN), 16)[1])
result("unspec", disconnect(door))
result("unspec_high", call("connect", HIGH | door.fileno(), AF_UNSPEC_ADDRESS, HIGH | 16)[1])
try:
    door.shutdown(socket.SHUT_RD)
except OSError:
    pass  # It listens no more already.
result("listens", door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
result("fastopen", call("sendto", door.fileno(), payload, 6, MSG_FASTOPEN, address(FORBIDDEN), 16)[1])
result("fastopen_high", call("sendto", HIGH | door.fileno(), payload, 6, HIGH | MSG_FASTOPEN, address(FORBIDDEN), 16)[1])
result("sendto", call("sendto", door.fileno(), payload, 6, 0x4000, address(FORBIDDEN), 16)[1])
result("option", call("setsockopt", door.fileno(), 6, 30, one, 4)[1])
result("connect", call("connect", door.fileno(), address(FORBIDDEN), 16)[1])
time.sleep(0.2)
