// A stream of server-sent events, as a model's answer or an MCP server sends them, goes on as long as it is sent, and each event arrives by itself.
// POSTERN_STREAM_SECONDS says how long: npm run deep has ten minutes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { HOST, linesOf, PORT, SECRET, useOutside, writeScene } from './gateway-scene.js';

const outside = useOutside();
const seconds = Number(process.env['POSTERN_STREAM_SECONDS'] ?? 4);
const VERSIONS = ['1.1', '2'];

/** Says of each stream its events in order, and how late the latest one came. */
const READS = `
import subprocess, sys, threading, time
def read(version):
    curl = subprocess.Popen(["curl", "-sSN", f"--http{version}", "https://${HOST}:${PORT}/ticks/${seconds}"], stdout=subprocess.PIPE, text=True)
    came, late = [], 0
    for line in curl.stdout:
        if line.startswith("data: "):
            number, sent = line[6:].split()
            came.append(int(number))
            late = max(late, time.time() * 1000 - int(sent))
    print("HTTP", version, "in order" if came == list(range(1, ${seconds} + 1)) else came, curl.wait(), flush=True)
    print(f"HTTP {version}: the latest came after {late:.0f} ms", file=sys.stderr, flush=True)
readers = [threading.Thread(target=read, args=(version,)) for version in ${JSON.stringify(VERSIONS)}]
for one in readers: one.start()
for one in readers: one.join()
`;

for (const as of anyUser)
  test(`each event of a stream of ${seconds} s arrives through a gateway (${as})`, async (t) => {
    const { config } = writeScene(as, {
      command: ['/usr/bin/python3', '-c', READS],
      gateway: '{headers: {authorization: "Bearer {github}"}, allow: ["GET /ticks/*"]}',
    });
    const timeoutMs = seconds * 1000 + 60_000;
    const from = outside.upstream.heard().length;
    const { stdout, stderr } = await postern(['up', '--config', config], {
      as,
      inside: outside.internet.within,
      timeoutMs,
    });
    assert.deepEqual(
      [...linesOf(stdout)].sort(),
      VERSIONS.map((version) => `HTTP ${version} in order 0`),
      stdout + stderr,
    );
    for (const line of `${stdout}${stderr}`.match(/HTTP .*the latest came.*/g) ?? []) t.diagnostic(line);
    const heard = outside.upstream
      .heard()
      .slice(from)
      .map(({ version, authorization }) => `${version} ${authorization}`);
    assert.deepEqual(heard.sort(), [`1.1 Bearer ${SECRET}`, `2.0 Bearer ${SECRET}`]);
  });
