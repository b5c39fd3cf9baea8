# Asks its socket, which belongs to the host, for the host's interfaces and addresses. Also types into the terminal.
SIOCGIFCONF, TIOCSTI, TIOCLINUX = 0x8912, 0x5412, 0x541C
sock = handed_over()
ready()
store = ctypes.create_string_buffer(4096)
request = ctypes.create_string_buffer(struct.pack("=i4xQ", 4096, ctypes.addressof(store)), 16)
value, outcome = call("ioctl", sock.fileno(), SIOCGIFCONF, request)
result("ifconf", outcome)
result("ifconf_high", call("ioctl", sock.fileno(), 0x800000000 | SIOCGIFCONF, request)[1])
result("all", " ".join(sorted({call("ioctl", sock.fileno(), 0x8900 | n, request)[1] for n in range(256)})))
result("sti", call("ioctl", 0, TIOCSTI, store)[1])
result("sti_high", call("ioctl", 0, 0x100000000 | TIOCSTI, store)[1])
result("linux", call("ioctl", 0, TIOCLINUX, store)[1])
