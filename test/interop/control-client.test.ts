// Another language steers a running postern by PROTOCOL.md alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';

const CLIENT = fileURLToPath(new URL('../harness/control_client.py', import.meta.url));

const SCRIPT = `
import json, sys, time
sys.path.insert(0, sys.argv[2])
from control_client import ControlClient, Refused

client = ControlClient(sys.argv[1])
told = {}

def state(name):
    return {plugin["name"]: plugin for plugin in client.call("status")["plugins"]}[name]

while state("talker")["state"] != "running":
    time.sleep(0.05)
told["version"] = client.call("supervisor")["version"]
while not client.call("denials", plugin="talker")["denials"]:
    time.sleep(0.05)
denial = client.call("denials", order="latest", limit=1)["denials"][0]
told["denial"] = [denial["plugin"], denial["host"], denial["port"], denial["reason"], denial["suggestion"]]
answer = client.call("explain", plugin="talker", host="api.example.com", port=443, resolved=["93.184.216.34"])
told["explain"] = [answer["decision"], answer["rule"]]
told["stop"] = client.call("stop", plugin="quiet")
told["stopped"] = state("quiet")["state"]
told["start"] = client.call("start", plugin="quiet")
while state("quiet")["state"] != "running":
    time.sleep(0.05)
first = state("quiet")["pid"]
client.call("restart", plugin="quiet")
told["restarted"] = state("quiet")["pid"] != first
told["reload"] = client.call("reload")
def top(name):
    return {plugin["name"]: plugin for plugin in client.call("top")["plugins"]}[name]

while not (top("talker")["denials"] or 0):
    time.sleep(0.05)
talker = top("talker")
told["top"] = [talker["state"], talker["connections"], talker["connects"], talker["memory_bytes"] > 1_000_000]
lines = client.watch("logs", plugin="talker", lines=1)
told["last"] = next(lines)["lines"][0]["text"]
told["next"] = [next(lines)["text"] for _ in range(3)]
states = ControlClient(sys.argv[1]).watch("status")
told["states"] = [len(next(states)["plugins"]) for _ in range(2)]

def refused(method, /, **params):
    try:
        client.call(method, **params)
    except Refused as refusal:
        return [refusal.code, refusal.data.get("code")]

told["refused"] = [
    refused("stop", plugin="nobody"),
    refused("frobnicate"),
    refused("stop"),
    refused("status", extra=1),
    refused("watch", method="stop"),
]
print(json.dumps(told))
`;

const TALK = `
import socket, time
while True:
    print("a line", flush=True)
    try:
        socket.create_connection(("192.0.2.7", 99))
    except OSError:
        pass
    time.sleep(0.05)
`;

for (const user of anyUser) {
  test(`a Python client sees and steers a running postern (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const plugins = {
      talker: { command: ['/usr/bin/python3', '-c', TALK], allow: ['api.example.com'] },
      quiet: { command: ['sleep', '1000'] },
    };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
    const path = join(folder, 'c.sock');
    const up = startPostern(['up', '--control', path], { as: user, cwd: folder });
    t.after(() => up.child.kill('SIGKILL'));
    await until(() => existsSync(path) || undefined);
    const { status, stdout, stderr } = spawnSync('python3', ['-B', '-c', SCRIPT, path, dirname(CLIENT)], {
      encoding: 'utf8',
      timeout: 60_000 * PATIENCE,
    });
    assert.equal(status, 0, stderr);
    const { version, ...told } = JSON.parse(stdout) as Record<string, unknown>;
    assert.match(String(version), /^\d+\.\d+\.\d+$/);
    assert.deepEqual(told, {
      denial: ['talker', '192.0.2.7', 99, 'no_rule', '192.0.2.7:99'],
      explain: ['allow', 'api.example.com'],
      stop: { plugin: 'quiet' },
      stopped: 'stopped',
      start: { plugin: 'quiet' },
      restarted: true,
      reload: { added: [], removed: [], restarted: [], changed: [], destinations: [] },
      top: ['running', 0, 0, true],
      last: 'a line',
      next: ['a line', 'a line', 'a line'],
      states: [2, 2],
      refused: [
        [-32000, 'unknown_plugin'],
        [-32601, null],
        [-32602, null],
        [-32602, null],
        [-32602, null],
      ],
    });
  });
}
