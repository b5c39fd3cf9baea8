# A server of the host that every user may connect to. It gives what its first client sends, a descriptor, to its second client. Argument: its path.
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
server.listen(2)
print("ready", flush=True)
giver, _ = server.accept()
_, descriptors, _, _ = socket.recv_fds(giver, 1, 1)
taker, _ = server.accept()
socket.send_fds(taker, [b"x"], descriptors)
sys.stdin.read()
