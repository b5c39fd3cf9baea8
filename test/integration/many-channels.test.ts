// A plugin that opens channels until the supervisor has no descriptor left.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { CHANNELS_PER_PLUGIN } from '../../shared/limits.js';
import { anyUser } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { descriptorsOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { asUser } from '../harness/users.js';

/** More than a running supervisor needs, and too few for all channels of a plugin. */
const MORE = 30;
const PROGRAM = `
import sys
channel = Channel.from_environment()
print("runs", flush=True)
sys.stdin.readline()
opened, refused = [], 0
for _ in range(${CHANNELS_PER_PLUGIN} - 1):
    try:
        channel._ask({"op": "open_channel"})
        reply, fd = channel._receive_for(channel._next_id - 1)
        assert reply["part"] == "reply"
        opened.append(fd)
    except ConnectError as error:
        assert error.name == "EAGAIN", error
        refused += 1
print("opened some", len(opened) > 5, "refused some", refused > 5, flush=True)
`;
for (const user of anyUser)
  test(`a supervisor without descriptors refuses a channel, and goes on (${user})`, async (t) => {
    const {
      child,
      result,
      stdout: seen,
    } = startPostern(
      ['run', '--egress', 'channel', '--', '/usr/bin/python3', '-c', PYTHON_CHANNEL + PROGRAM],
      { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
    );
    t.after(() => child.kill('SIGKILL'));
    await until(() => seen().includes('runs') || undefined, 20_000);
    // The supervisor alone gets the limit: the broker has descriptors.
    const limit = descriptorsOf(child.pid ?? 0) + MORE;
    const [command = '', ...rest] = [
      ...asUser(user),
      ...['prlimit', `--pid=${child.pid}`, `--nofile=${limit}:${limit}`],
    ];
    execFileSync(command, rest);
    child.stdin?.end('go\n');
    const { status, stdout, stderr } = await result;
    assert.equal(stdout, 'runs\nopened some True refused some True\n', stderr);
    assert.equal(status, 0, stderr);
  });
