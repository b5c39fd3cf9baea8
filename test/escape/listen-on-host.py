# Disconnects its socket and makes it listen on a port of the host that the kernel picks.
sock = handed_over()
ready()
result("unspec", disconnect(sock))
result("listen", call("listen", sock.fileno(), 1)[1])
result("listen_high", call("listen", 0x500000000 | sock.fileno(), 0x500000001)[1])
if sock.getsockname()[1] != 0:
    print("listening", sock.getsockname()[1], flush=True)
    time.sleep(3)
