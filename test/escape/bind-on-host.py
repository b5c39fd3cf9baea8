# Disconnects its socket and binds it to a port of the host that it chooses.
sock = handed_over()
ready()
result("unspec", disconnect(sock))
# Only the filter refuses this: Landlock judges TCP alone.
udp = socket.socket(type=socket.SOCK_DGRAM)
result("bind_datagram", call("bind", udp.fileno(), address(0), 16)[1])
result("bind", call("bind", sock.fileno(), address(0, "0.0.0.0"), 16)[1])
result("bind_high", call("bind", 0x300000000 | sock.fileno(), address(0, "0.0.0.0"), 0x300000010)[1])
result("listen", call("listen", sock.fileno(), 1)[1])
if sock.getsockname()[1] != 0:
    print("listening", sock.getsockname()[1], flush=True)
    time.sleep(3)
