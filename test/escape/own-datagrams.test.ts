// From Landlock's ABI 9 on, a plugin has AF_UNIX datagram sockets. They reach those of its sandbox, and no others: not the host's (datagrams.test.ts),
// and not another plugin's. On an older kernel it has none.
// proves: G14
// proves: datagram sockets only where Landlock keeps them
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LANDLOCK_UNIX, landlockVersion } from '../../shared/sys/landlock.js';
import { anyUser } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User } from '../harness/users.js';

const program = readFileSync(new URL('own-datagrams.py', import.meta.url), 'utf8');
const NOBODY = 65_534;
const kept = landlockVersion() >= LANDLOCK_UNIX;
const NONE = 'none: EPERM\n';
const sent = "ok b'sent' 6 b'answer'\nok b'message' 6 b'answer'\n";
const AMONG = `${`${sent}connect ok b'connected'\n`.repeat(2)}${sent}connect EACCES None\nb'pair' SO_TYPE True\n`;

function sharedFolder(): string {
  const folder = readableFolder();
  if (process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  return folder;
}

function words(folder: string, what: string): string[] {
  const command = ['/usr/bin/python3', '-c', program, what, join(folder, 'socket')];
  return ['run', '--writable', folder, '--', ...command];
}

/** From the host. */
function send(folder: string, text: string): void {
  const code = 'import socket, sys\nsocket.socket(1, 2).sendto(sys.argv[2].encode(), sys.argv[1])';
  execFileSync('/usr/bin/python3', ['-c', code, join(folder, 'socket'), text]);
}

async function heardBeside(user: User): Promise<{ readonly heard: string; readonly other: string }> {
  const folder = sharedFolder();
  const { child, result, stdout: heard } = startPostern(words(folder, 'hear'), { as: user });
  try {
    await until(() => heard().includes('\n') || undefined, 240_000);
    const other = (await postern(words(folder, 'send'), { as: user })).stdout;
    if (kept) for (const text of ['host', 'end']) send(folder, text);
    await result;
    return { heard: heard(), other };
  } finally {
    child.kill('SIGTERM');
  }
}

for (const user of anyUser) {
  test(`datagram sockets with names work among a sandbox's own, where Landlock keeps them there (${user})`, async () => {
    const { stdout, stderr } = await postern(words(sharedFolder(), 'among'), { as: user });
    assert.equal(stdout, kept ? AMONG : NONE, stderr);
  });

  test(`a plugin sends no datagram to another plugin's socket, in a folder that both write (${user})`, async () => {
    const { heard, other } = await heardBeside(user);
    assert.equal(other, kept ? 'sendto EACCES\nsendmsg EACCES\nconnect EACCES\n' : NONE);
    assert.equal(heard, kept ? 'ready\nheard host\nheard end\n' : NONE);
  });
}
