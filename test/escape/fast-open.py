# Sends with MSG_FASTOPEN, which connects a socket to the address in the call's argument. Tries each send call.
MSG_FASTOPEN = 0x20000000
HIGH = 0x900000000
target = address(FORBIDDEN)
target_buffer = ctypes.create_string_buffer(target, 16)
payload = ctypes.create_string_buffer(b"turned", 6)
iov = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(payload), 6), 16)
header = struct.pack("=QI4xQQQQi4x", ctypes.addressof(target_buffer), 16, ctypes.addressof(iov), 1, 0, 0, 0)
message = ctypes.create_string_buffer(header + struct.pack("=I4x", 0), len(header) + 8)
attempts = {
    "sendto": lambda fd: call("sendto", fd, payload, 6, MSG_FASTOPEN, target_buffer, 16),
    "sendto_high": lambda fd: call("sendto", HIGH | fd, payload, 6, HIGH | MSG_FASTOPEN, target_buffer, HIGH | 16),
    "sendto_more": lambda fd: call("sendto", fd, payload, 6, MSG_FASTOPEN | 0x4000 | 0x40, target_buffer, 16),
    "sendmsg": lambda fd: call("sendmsg", fd, message, MSG_FASTOPEN),
    "sendmsg_high": lambda fd: call("sendmsg", HIGH | fd, message, HIGH | MSG_FASTOPEN),
    "sendmmsg": lambda fd: call("sendmmsg", fd, message, 1, MSG_FASTOPEN),
    "sendmmsg_high": lambda fd: call("sendmmsg", HIGH | fd, message, HIGH | 1, HIGH | MSG_FASTOPEN),
}
for name, attempt in attempts.items():
    sock = handed_over()
    ready()
    disconnect(sock)
    result(name, attempt(sock.fileno())[1])
own = socket.socket()
result("own", call("sendto", own.fileno(), payload, 6, MSG_FASTOPEN, target_buffer, 16)[1])
time.sleep(0.2)
