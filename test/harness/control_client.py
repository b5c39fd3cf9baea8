"""A client of postern's control socket, written from PROTOCOL.md alone."""
import itertools
import json
import socket


class Refused(Exception):
    """postern's answer is an error. `code` is that of JSON-RPC, `data` has postern's own code and the fix."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.data = error.get("data", {})


class ControlClient:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._ids = itertools.count(1)
        self._answers = {}
        self._news = []

    def call(self, method, /, **params):
        number = next(self._ids)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while number not in self._answers:
            self._receive()
        answer = self._answers.pop(number)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def watch(self, method, /, **params):
        """Yields the answer of the method, and then each state or event."""
        begun = self.call("watch", method=method, params=params)
        yield begun["now"]
        while True:
            while not self._news:
                self._receive()
            news = self._news.pop(0)
            if news["watch"] == begun["watch"]:
                yield news.get("state", news.get("event"))

    def _receive(self):
        line = self._lines.readline()
        if line == "":
            raise EOFError("postern has ended")
        message = json.loads(line)
        if message.get("method") == "watched":
            self._news.append(message["params"])
        elif message.get("method") == "postern":
            pass
        elif message["id"] is None:
            raise Refused(message["error"])
        else:
            self._answers[message["id"]] = message
