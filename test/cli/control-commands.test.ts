import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  describeConnections,
  describeStart,
  describeStatus,
} from '../../sandbox/cli/control/control-commands.js';
import type { PluginStatus, Status } from '../../sandbox/supervisor/control/control-surface.js';

const PLAIN: PluginStatus = {
  ...{ name: 'web', state: 'running', pid: 5, status: null, for_ms: 61_000, starts: 1 },
  ...{ last_end: null, starts_in_ms: null, waits_for: [] },
};
const statusOf = (...plugins: readonly Partial<PluginStatus>[]): Status => ({
  ...{ version: '1', pid: 1, config: null, since: '2026-01-01T00:00:00.000Z', for_ms: 1, asks: [] },
  broker: { pid: 2, version: '1' },
  plugins: plugins.map((plugin) => ({ ...PLAIN, ...plugin })),
});

test('connections shows bytes as top does', () => {
  const text = describeConnections({
    connections: [
      {
        ...{ decision_id: 'd', plugin: 'web', pid: 7, program: 'curl', host: 'api.example.com', port: 443 },
        ...{ dialed: '192.0.2.7', rule: 'api.example.com', door: 'trap', age_ms: 90_000 },
        ...{ sent_bytes: 147_849_216, received_bytes: null, rtt_ms: 12.34 },
      },
    ],
    more: 0,
  });
  assert.match(text, /^web +7 +curl +api\.example\.com:443 .* 1m 30s +141M +- +12\.3ms {2}d\n$/m);
});

test('status names whom a plugin waits for, and shows a failure in 40 characters', () => {
  const failure = `Command "nobody" not found in PATH "${'/a/long/folder:'.repeat(20)}"`;
  const text = describeStatus(
    statusOf(
      { name: 'db', state: 'failed', last_end: failure, pid: null },
      { name: 'web', state: 'waiting', pid: null, waits_for: ['db', 'cache'] },
    ),
  );
  assert.match(text, /^db +failed .* Command "nobody" not found in PATH "\/a\/… /m);
  assert.match(text, /^web +waiting for db, cache +-/m);
  assert.ok(text.split('\n').every((line) => line.length < 140));
});

test('status of a postern of before, which does not say whom a plugin waits for', () => {
  const { waits_for: _, ...earlier } = PLAIN;
  const status = { ...statusOf(), plugins: [{ ...earlier, state: 'waiting' }] };
  assert.match(describeStatus(status), /^web +waiting +5/m);
});

test('start says what it did, or why there was nothing to do', () => {
  const stopped = { ...PLAIN, state: 'stopped', pid: null };
  for (const [now, before, expected] of [
    [{}, PLAIN, 'runs already'],
    [{ pid: 6 }, stopped, 'was started'],
    [{ state: 'starting', pid: null }, stopped, 'was started'],
    [{ state: 'pausing', pid: null, starts_in_ms: 26_000 }, stopped, 'will start in 26s'],
    [{ state: 'waiting', pid: null, waits_for: ['db', '\x1b[2J'] }, stopped, 'waits for db, \\u001b[2J'],
  ] as const)
    assert.equal(describeStart({ ...PLAIN, ...now }, before), expected);
  assert.equal(describeStart(undefined, undefined), 'was started');
});
