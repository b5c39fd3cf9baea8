# Has AF_UNIX datagram sockets with names, of its own. "among PATH": sends among them, one at PATH too. "hear PATH": prints what comes to PATH, until
# "end" comes. "send PATH": sends to PATH, which another sandbox has. Without such sockets it prints the errno.
import errno
import os
import socket
import sys

WHAT, PATH = sys.argv[1:3]


def said(call, *arguments):
    try:
        result = call(*arguments)
        return "ok" if result is None or isinstance(result, int) else result
    except OSError as error:
        return errno.errorcode[error.errno]


def made():
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def at(name):
    sock = made()
    sock.bind(name)
    sock.settimeout(60)
    return sock


def connected(name):
    sock = made()
    sock.connect(name)
    return sock.send(b"connected")


def among():
    for name in ("/tmp/log", "\0log", PATH):
        server, client = at(name), at("/tmp/client")
        for way in (lambda: client.sendto(b"sent", name), lambda: client.sendmsg([b"message"], [], 0, name)):
            print(said(way), server.recv(100), server.sendto(b"answer", "/tmp/client"), client.recv(100))
        result = said(connected, name)
        print("connect", result, server.recv(100) if result == "ok" else None)
        client.close()
        os.unlink("/tmp/client")
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.send(b"pair")
    print(other.recv(100), "SO_TYPE", one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM)


def hear():
    server = at(PATH)
    server.settimeout(None)
    os.chmod(PATH, 0o777)
    print("ready", flush=True)
    text = b""
    while text != b"end":
        text = server.recv(100)
        print("heard", text.decode(), flush=True)


def send():
    print("sendto", said(made().sendto, b"other", PATH))
    print("sendmsg", said(made().sendmsg, [b"other"], [], 0, PATH))
    print("connect", said(connected, PATH))


lacking = said(lambda: made().close())
if lacking == "ok":
    {"among": among, "hear": hear, "send": send}[WHAT]()
else:
    print("none:", lacking, flush=True)
