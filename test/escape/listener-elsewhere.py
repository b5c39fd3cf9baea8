# Makes its inherited listener listen on another port of the host: one that it chooses, or one that the kernel picks.
HIGH = 0x300000000
listener = inherited()
own = listener.getsockname()[1]
ready()
result("again", call("listen", listener.fileno(), 1)[1])
result("bind", call("bind", listener.fileno(), address(0, "0.0.0.0"), 16)[1])
listener.shutdown(socket.SHUT_RD)
free = socket.socket()
result("bind_shut", call("bind", listener.fileno(), address(0, "0.0.0.0"), 16)[1])
result("bind_high", call("bind", HIGH | listener.fileno(), address(0, "0.0.0.0"), HIGH | 16)[1])
result("listen", call("listen", listener.fileno(), 1)[1])
result("listen_high", call("listen", HIGH | listener.fileno(), HIGH | 1)[1])
port = listener.getsockname()[1]
if port not in (0, own):
    print("listening", port, flush=True)
    time.sleep(3)
