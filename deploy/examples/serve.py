# Answers HTTP on the listening sockets that it inherits (sd_listen_fds(3)), with Python's own library.
import http.server
import os
import socket

FIRST = 3


class Inherited(http.server.ThreadingHTTPServer):
    def __init__(self, descriptor):
        super().__init__(("", 0), Greeting, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=descriptor)


class Greeting(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello from a program that reaches nobody\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


assert os.environ.get("LISTEN_PID") == str(os.getpid()), "no listener was passed to this process"
Inherited(FIRST).serve_forever()
