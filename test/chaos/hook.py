#!/usr/bin/python3
"""The hook of a chaos run: hangs, crashes, prints garbage, denies or approves, at random. What it approves it notes first, in `hook.log` beside it."""

import json
import os
import random
import signal
import sys
import time

question = json.loads(sys.stdin.readline())
drawn = random.random()
if drawn < 0.3:
    time.sleep(1000)
elif drawn < 0.4:
    print('{"answer": "run"}', flush=True)
    sys.exit(1)
elif drawn < 0.5:
    print('{"answer": "run"}', flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
elif drawn < 0.7:
    garbage = ['{"answer": "run"', "run", '{"answer": "run"}{"answer": "run"}', '{"answer": "run", "host": "*"}', "\0" * 99_999, ""]
    print(random.choice(garbage), flush=True)
elif drawn < 0.8:
    print('{"answer": "deny"}')
else:
    with open(os.path.join(os.path.dirname(sys.argv[0]), "hook.log"), "a", encoding="ascii") as log:
        log.write(f"{question['port']} {question['host']}\n")
    print(json.dumps({"answer": random.choice(["once", "run"])}))
