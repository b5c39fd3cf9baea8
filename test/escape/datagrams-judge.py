# Receives on an AF_UNIX datagram socket of the host that every user may write to. Prints `ready`, and `heard NAME`
# for each datagram, until its input ends. It also listens at another path for connections with packets. Arguments: the paths.
import os
import select
import socket
import sys



def bound(kind, path):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    os.chmod(path, 0o777)
    # Started by root, the plugin's mount maps the ids of the folder. A file with other ids nobody may write to.
    folder = os.stat(os.path.dirname(path))
    os.chown(path, folder.st_uid, folder.st_gid)
    sock.setblocking(False)
    return sock


judge = bound(socket.SOCK_DGRAM, sys.argv[1])
packets = bound(socket.SOCK_SEQPACKET, sys.argv[2])
packets.listen(100)
print("ready", flush=True)


def hear(sock):
    try:
        if sock is packets:
            sock.accept()
            print("heard a connection", flush=True)
        else:
            print("heard", sock.recv(100).decode(), flush=True)
        return True
    except BlockingIOError:
        return False


while sys.stdin not in (ready := select.select([judge, packets, sys.stdin], [], [])[0]):
    for sock in ready:
        hear(sock)
for sock in (judge, packets):
    while hear(sock):
        pass
