"""Serves HTTP on a port of loopback and of ::1, and echoes over AF_UNIX and UDP, with http.server, asyncio and socket, to clients of
its own and to curl. Prints a line for each; a failure is exit status 1."""

import asyncio
import http.server
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request

PORT = int(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served\n")

    def log_message(self, *_):
        pass


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def over_http(server, host):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{f'[{host}]' if ':' in host else host}:{PORT}/"
    print(host, urllib.request.urlopen(url).read().decode(), end="")
    print("curl", subprocess.run(["curl", "-gsS", url], check=True, capture_output=True, text=True).stdout, end="")
    server.shutdown()


async def local(name, address):
    uids = []

    async def serve(_, writer):
        peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        uids.append(struct.unpack("iii", peer)[1])
        writer.write(b"served")
        writer.close()

    async with await asyncio.start_unix_server(serve, address):
        reader, writer = await asyncio.open_unix_connection(address)
        print(name, (await reader.read()).decode())
        writer.close()
    assert uids == [os.getuid()], uids


async def dual():
    """asyncio binds each family apart, and listens on what it has bound."""

    async def serve(_, writer):
        writer.write(b"served")
        writer.close()

    async with await asyncio.start_server(serve, "localhost", PORT):
        reader, writer = await asyncio.open_connection("localhost", PORT)
        print("asyncio", (await reader.read()).decode())
        writer.close()


def datagrams():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(server.getsockname())
    client.send(b"asked!")
    server.sendto(b"served", server.recvfrom(6)[1])
    print("udp", client.recv(6).decode())


over_http(http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler), "127.0.0.1")
over_http(Server6(("::1", PORT), Handler), "::1")
asyncio.run(local("path", tempfile.mkdtemp() + "/socket"))
asyncio.run(local("abstract", "\0postern-server"))
asyncio.run(dual())
datagrams()
