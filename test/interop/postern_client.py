"""postern's channel from Python: PROTOCOL.md with the standard library and msgpack (Debian: python3-msgpack).

As a program: postern_client.py HOST PORT [TEXT] connects, sends TEXT, and prints what comes back until the peer ends.
A failure goes to standard error; the status is 13 (EACCES) for a refusal by the policy, otherwise 1.
"""

import errno
import os
import select
import socket
import sys

import msgpack

MAX_REQUEST_BYTES = 4096
MAX_REPLY_BYTES = 16384


class ConnectError(OSError):
    """A failure as the broker told it: `errno` is its number (None for a resolver's), `name` its name."""

    def __init__(self, name, message, reason=None, suggestion=None):
        super().__init__(getattr(errno, name, None), message)
        self.name, self.reason, self.suggestion = name, reason, suggestion


class Channel:
    """One channel, for one thread: a request is answered before the next one is asked. Owns both descriptors."""

    def __init__(self, request_fd, reply_fd):
        self._requests = request_fd
        self._replies = socket.socket(fileno=reply_fd)
        self._next_id = 0
        self._send({"op": "hello", "version": 1})
        while "op" not in self._receive_for(None)[0]:  # Skip late answers to an earlier program on this channel.
            pass

    @classmethod
    def from_environment(cls):
        return cls(int(os.environ["POSTERN_REQUEST_FD"]), int(os.environ["POSTERN_REPLY_FD"]))

    def connect(self, host, port, timeout_ms=None):
        """Returns a connected socket.socket in blocking mode. Raises ConnectError."""
        request = {"op": "connect", "host": host, "port": port}
        if timeout_ms is not None:
            request["timeout_ms"] = timeout_ms
        _, fd = self._ask(request)
        connection = socket.socket(fileno=fd)
        connection.setblocking(True)
        return connection

    def explain(self, host, port):
        """Returns the pair of decision and reason. Raises ConnectError where the policy refuses."""
        reply, _ = self._ask({"op": "explain", "host": host, "port": port})
        return reply["decision"], reply["reason"]

    def close(self):
        self._replies.close()
        os.close(self._requests)

    def _ask(self, request):
        self._send({**request, "id": self._take_id()})
        while True:
            reply, fd = self._receive_for(self._next_id - 1)
            if reply.get("resumed"):  # A new broker: requests without an answer are lost, and asked again.
                self._send({**request, "id": self._take_id()})
            elif reply.get("id") == self._next_id - 1:
                if reply["ok"]:
                    return reply, fd
                raise ConnectError(reply["errno"], reply["message"], reply["reason"], reply.get("suggestion"))

    def _take_id(self):
        self._next_id += 1
        return self._next_id - 1

    def _send(self, request):
        frame = msgpack.packb(request)
        if len(frame) > MAX_REQUEST_BYTES:
            raise ValueError("The request is too long")
        while True:
            select.select([], [self._requests], [])
            try:
                os.write(self._requests, frame)
                return
            except BlockingIOError:  # The descriptors may be non-blocking, and another process was faster.
                continue

    def _receive_for(self, wanted):
        """Returns the next reply, and its descriptor or None; closes one that is not for the wanted id."""
        reply, fd = self._receive()
        if fd is not None and reply.get("id") != wanted:
            os.close(fd)
        return reply, fd

    def _receive(self):
        select.select([self._replies], [], [])
        data, fds, flags, _ = socket.recv_fds(self._replies, MAX_REPLY_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            for fd in fds:
                os.close(fd)
            raise ConnectError("EMFILE", "A reply did not fit, or no descriptor is left for its socket")
        if not data:
            raise ConnectError("EPIPE", "The broker has ended the channel")
        return msgpack.unpackb(data), fds[0] if fds else None


def main(host, port, text=""):
    try:
        connection = Channel.from_environment().connect(host, int(port))
    except ConnectError as error:
        print(f"{error.name} {error.reason} {error.suggestion or '-'}: {error.strerror}", file=sys.stderr)
        return 13 if error.name == "EACCES" else 1
    connection.sendall(text.encode())
    connection.shutdown(socket.SHUT_WR)
    while data := connection.recv(65536):
        sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: postern_client.py HOST PORT [TEXT]")
    sys.exit(main(*sys.argv[1:]))
