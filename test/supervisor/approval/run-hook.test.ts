// Programs that answer questions, run by this process.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AskRequest } from '../../../sandbox/supervisor/approval/asks.js';
import { hookCallback, type OnAsk } from '../../../sandbox/supervisor/approval/run-hook.js';
import { becomeSubreaper } from '../../../shared/sys/process-control.js';
import { signalTo } from '../../harness/processes.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

const requestOf = (plugin: string): AskRequest => ({
  ...{ id: '1', plugin, host: 'api.example.com', port: 443, door: 'dns', pid: undefined, program: undefined },
  ...{ since: 0, deadline: 0, suggestion: 'api.example.com' },
});

const hookOf = (script: string): OnAsk =>
  hookCallback({ command: ['/bin/sh', '-c', script], files: [] }, () => {});

// proves: ask: slow answers about one plugin keep no other waiting
test('hooks that hang about one plugin keep no question of another waiting', async () => {
  const ask = hookOf(`read -r q; case "$q" in *greedy*) exec sleep 1000;; esac; echo '{"answer": "deny"}'`);
  const over = new AbortController();
  const hanging = Array.from({ length: 16 }, () => ask(requestOf('greedy'), over.signal));
  const ended = Promise.allSettled(hanging);
  const late = AbortSignal.timeout(10_000);
  try {
    assert.deepEqual(await ask(requestOf('victim'), late), { answer: 'deny' });
  } finally {
    over.abort();
    await ended;
  }
});

// proves: ask: a hook that has ended is not killed: its pid may be another one's
test('a hook that has ended is killed neither for its answer nor with its question', async (t) => {
  const kill = t.mock.method(process, 'kill', () => true);
  const over = new AbortController();
  await assert.rejects(hookOf('exit 3')(requestOf('agent'), over.signal), /it ended with status 3/);
  over.abort();
  assert.equal(kill.mock.callCount(), 0);
});

// proves: ask: what a hook leaves behind is ended and reaped
test('what a hook leaves behind ends with it, and stays no zombie', async () => {
  becomeSubreaper();
  const script = `sleep 1000 </dev/null >/dev/null 2>&1 & echo '{"answer": "deny"}'`;
  await hookOf(script)(requestOf('agent'), new AbortController().signal);
  await until(() => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8') === '' || undefined);
});

test('the answer of a hook counts, whatever a process that has left its group holds open', async () => {
  becomeSubreaper();
  const started = join(readableFolder(), 'started');
  const left = `setsid sh -c 'echo $$ >${started}.new; mv ${started}.new ${started}; exec sleep 1000' </dev/null >/dev/null &`;
  const script = `${left} until [ -e ${started} ]; do sleep 0.01; done; echo '{"answer": "deny"}'`;
  const late = AbortSignal.timeout(60_000);
  assert.deepEqual(await hookOf(script)(requestOf('agent'), late), { answer: 'deny' });
  signalTo(Number(readFileSync(started, 'utf8')), 'SIGKILL');
});
