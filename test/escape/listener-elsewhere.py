# Lets the listener that it inherits listen on another port of the host: one that it chooses, or that the kernel picks.
HIGH = 0x300000000
door = inherited()
own = door.getsockname()[1]
ready()
result("again", call("listen", door.fileno(), 1)[1])
result("bind", call("bind", door.fileno(), address(0, "0.0.0.0"), 16)[1])
door.shutdown(socket.SHUT_RD)
free = socket.socket()
result("bind_shut", call("bind", door.fileno(), address(0, "0.0.0.0"), 16)[1])
result("bind_high", call("bind", HIGH | door.fileno(), address(0, "0.0.0.0"), HIGH | 16)[1])
result("listen", call("listen", door.fileno(), 1)[1])
result("listen_high", call("listen", HIGH | door.fileno(), HIGH | 1)[1])
port = door.getsockname()[1]
if port not in (0, own):
    print("listening", port, flush=True)
    time.sleep(1)
