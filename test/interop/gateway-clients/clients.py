"""Clients in Python that talk to a server through a gateway: clients.py BASE. Prints a line for each: its name and what it got."""
import json
import sys
import urllib.request

import httpx
import requests

base = sys.argv[1]
body = b"x" * 3_000_000


def say(name, headers, echoed):
    print(name, json.loads(headers)["authorization"].startswith("Bearer *"), echoed == body, flush=True)


with urllib.request.urlopen(f"{base}/headers") as answer:
    headers = answer.read()
with urllib.request.urlopen(f"{base}/echo", data=body) as answer:
    say("urllib", headers, answer.read())

with requests.Session() as session:
    headers = session.get(f"{base}/headers").content
    # An iterator is sent in chunks.
    echoed = session.post(f"{base}/echo", data=iter([body[:1_000_000], body[1_000_000:]])).content
    say("requests", headers, echoed)

for http2 in (False, True):
    with httpx.Client(http2=http2) as client:
        answer = client.get(f"{base}/headers")
        say(f"httpx {answer.http_version}", answer.content, client.post(f"{base}/echo", content=body).content)

# Server-sent events: each comes when it is sent, and the stream stays open.
with httpx.Client() as client, client.stream("GET", f"{base}/events") as stream:
    lines = (line for line in stream.iter_lines() if line != "")
    events = [next(lines)]
    for _ in range(20):
        client.get(f"{base}/next")
        events.append(next(lines))
    print("events", events == ["data: begun"] + ["data: next"] * 20, flush=True)
