# The application behind nginx. It listens on a port inside the sandbox. For the path /HOST/PORT it fetches that page, and sends it back.
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        _, host, port = self.path.split("/")
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/", timeout=20) as response:
                status, body = 200, response.read()
        except OSError as error:
            status, body = 503, f"{error}\n".encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


ThreadingHTTPServer(("127.0.0.1", 9000), Page).serve_forever()
