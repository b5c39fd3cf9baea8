# A plugin that connects again and again. For each connect it notes when it began, how many milliseconds it took, and how late the 1 ms
# sleep before it ended. It prints a line of JSON for every twenty connects.
import json
import socket
import sys
import time

while True:
    times = []
    for _ in range(20):
        asleep = time.monotonic()
        time.sleep(0.001)
        one = socket.socket()
        begin = time.monotonic()
        one.connect(("127.0.0.1", int(sys.argv[1])))
        times.append((begin, (time.monotonic() - begin) * 1000, (begin - asleep) * 1000 - 1))
        one.close()
    print(json.dumps(times), flush=True)
