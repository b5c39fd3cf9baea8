# A collector for a test: it decodes each request by the official protobuf definitions, and prints it as a line of JSON. A line on stdin says how it
# answers from then on. Arguments: the port, and for TLS a file with certificate and key.
import http.server
import json
import os
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../supervisor/export"))
from read_otlp import read

HOW = {"status": 200}
PRINTING = threading.Lock()


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        how = dict(HOW)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signal = self.path.rsplit("/", 1)[1]
        heard = {
            "path": self.path,
            "authorization": self.headers["Authorization"],
            "type": self.headers["Content-Type"],
            "taken": how == {"status": 200},
            "request": read(signal, body.decode()),
        }
        with PRINTING:
            print(json.dumps(heard), flush=True)
        if how.get("silent"):
            time.sleep(3600)
        if how.get("close"):
            self.close_connection = True
            return
        self.send_response(how["status"])
        for name, value in how.get("headers", {}).items():
            self.send_header(name, value)
        if how.get("flood"):
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        answer = how.get("body", "{}").encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", int(sys.argv[1])), Collector)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_port}), flush=True)
for line in sys.stdin:
    HOW = json.loads(line)
