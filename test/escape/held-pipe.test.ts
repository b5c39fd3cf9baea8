// sendfile(2) into a pipe is splice(2): it holds the pipe's lock while it waits for its input. A program outside that reads the pipe then
// sleeps in state D, where no signal ends it.
// proves: G9
// proves: G11
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyUser, twin } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { readableFolder, type User } from '../harness/users.js';

/** Holds the lock until its stdin ends. The input of sendfile(2) is a socket that stays silent until then. */
const PROGRAM = `
import os, socket, sys, threading
path = sys.argv[1]
os.mkfifo(path)
pipe = os.open(path, os.O_RDWR)
os.write(pipe, b"x\\n")
silent, end = socket.socketpair()
def hold():
    try: os.sendfile(pipe, silent.fileno(), None, 10)
    except OSError as problem: print("refused", os.strerror(problem.errno), flush=True)
holder = threading.Thread(target=hold)
holder.start()
holder.join(3)
print("ready", flush=True)
sys.stdin.read()
end.close()
holder.join()
`;

function stateOf(pid: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';
}

/** @returns whether the reader ended by itself. Otherwise it waits for a lock. */
async function ends(reader: ChildProcess): Promise<boolean> {
  const { pid } = reader;
  assert.ok(pid !== undefined);
  for (let asleep = 0; asleep < 20; ) {
    if (reader.exitCode !== null) return true;
    asleep = stateOf(pid) === 'D' ? asleep + 1 : 0;
    await sleep(20);
  }
  return false;
}

async function hold(
  user: User,
  added: readonly string[] = [],
): Promise<{ readonly told: string; readonly ends: boolean }> {
  const folder = readableFolder();
  chmodSync(folder, 0o777);
  const path = join(folder, 'pipe');
  const { child, result } = startPostern(
    ['run', ...added, '--writable', folder, '--', '/usr/bin/python3', '-c', PROGRAM, path],
    { as: user, keepInput: true },
  );
  let told = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text: string) => {
      told += text;
      if (/^ready$/m.test(told)) resolve();
    });
    result.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
  // Once it has said a word, the shell loads no more files: they would put it in state D too.
  const reader = spawn('sh', ['-c', 'echo began; read -r line <"$0"', path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(reader, 'exit');
  await once(reader.stdout, 'data');
  try {
    return { told, ends: await ends(reader) };
  } finally {
    child.stdin?.end();
    await result;
    // If it opens the pipe only now, it would wait for another writer.
    reader.kill('SIGKILL');
    await gone;
  }
}

for (const user of anyUser) {
  test(`a program outside reads a pipe that the plugin tries to hold (${user})`, async () => {
    assert.deepEqual(await hold(user), { told: 'refused Invalid argument\nready\n', ends: true });
  });
  twin(`it waits where the plugin has sendfile(2) (${user})`, async () => {
    const added = ['--unsafe-seccomp-allow', 'sendfile'];
    assert.deepEqual(await hold(user, added), { told: 'ready\n', ends: false });
  });
}
