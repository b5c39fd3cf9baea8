"""Runs in the network of a test's Internet: an HTTPS server that checks Signature Version 4 with code of its own, by the document of AWS. Prints `ready`, then
each request as JSON, and answers with the headers that it got, or with 403 if the signature is wrong. upstream.py SETTINGS"""
import hashlib
import hmac
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote

settings = json.loads(sys.argv[1])


def encode(text, safe=""):
    return quote(text, safe="-_.~" + safe)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def expected(method, target, headers, body, scope, signed):
    """The signature that the request should have."""
    date, region, service, _ = scope
    path, _, query = target.partition("?")
    path = encode(unquote(path) if service == "s3" else path, "/")
    pairs = sorted((encode(name), encode(value)) for name, value in parse_qsl(query, keep_blank_values=True))
    lines = [
        method,
        path,
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
        "",
        ";".join(signed),
        headers.get("x-amz-content-sha256", digest(body)),
    ]
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], "/".join(scope), digest("\n".join(lines).encode())])
    key = ("AWS4" + settings["aws"]["key"]).encode()
    for part in (date, region, service, "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def problem(method, target, headers, body):
    """What is wrong with a request; None for one that AWS would take."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return "no signature"
    parts = dict(one.strip().split("=", 1) for one in rest.split(","))
    key_id, *scope = parts["Credential"].split("/")
    signed = parts["SignedHeaders"].split(";")
    if key_id != settings["aws"]["id"] or headers.get("x-amz-security-token") != settings["aws"]["token"]:
        return "another key"
    if any(name not in signed for name in headers if name == "host" or name.startswith("x-amz-")):
        return "a header is not signed"
    claimed = headers.get("x-amz-content-sha256", "")
    if len(claimed) == 64 and claimed != digest(body):
        return "another body"
    if not hmac.compare_digest(parts["Signature"], expected(method, target, headers, body, scope, signed)):
        return "wrong signature"
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        names = [name.lower() for name in self.headers]
        headers = {name: ",".join(self.headers.get_all(name)) for name in names}
        wrong = "a header comes twice" if len(set(names)) < len(names) else problem(self.command, self.path, headers, body)
        heard = {
            "wrong": wrong,
            "request": f"{self.command} {self.path}",
            "credential": headers.get("authorization", "").partition("Credential=")[2].partition(",")[0],
            "hash": headers.get("x-amz-content-sha256"),
            "bytes": len(body),
        }
        print(json.dumps(heard), flush=True)
        # S3 answers a PUT without a body.
        answer = json.dumps(headers).encode() if self.command == "GET" else b""
        self.send_response(403 if wrong else 200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = serve

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer((settings["address"], settings["port"]), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(settings["cert"], settings["key"])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
