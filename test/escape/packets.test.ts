// A request pipe keeps packets apart: requests written right after each other are neither joined nor cut.
// proves: supervisor: requests come in packets
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';

/** The broker reads one while others wait behind it. */
const ASKS = `
channel = Channel.from_environment()
for id in range(1000, 1200):
    channel._send({"op": "explain", "id": id, "host": "example.com", "port": 443})
print(sorted(channel._receive()[0]["id"] for _ in range(200)) == list(range(1000, 1200)))
`;

for (const user of anyUser) {
  // proves: a channel that no broker had is not resumed
  test(`two hundred requests that are written without a pause get one answer each (${user})`, async () => {
    const program = ['/usr/bin/python3', '-c', PYTHON_CHANNEL + ASKS];
    const { stdout, stderr } = await postern(['run', '--', ...program], { as: user });
    assert.equal(stdout, 'True\n', stderr);
  });
}
