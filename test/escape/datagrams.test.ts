// Before Landlock's ABI 9 a plugin has no AF_UNIX datagram socket: sendmsg(2) takes an address in memory, where no filter sees it, and so each such socket reaches every
// socket of the host that the plugin sees. A pair of them is one of packet sockets, where egress is transparent. The other sockets take no address. From ABI 9 on it has
// such sockets, and Landlock refuses each address of the host.
// proves: G14
// proves: datagram sockets only where Landlock keeps them
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LANDLOCK_UNIX, landlockVersion } from '../../shared/sys/landlock.js';
import { twin, userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder, type User } from '../harness/users.js';

const program = readFileSync(new URL('datagrams.py', import.meta.url), 'utf8');
const judgeProgram = fileURLToPath(new URL('datagrams-judge.py', import.meta.url));
const NOBODY = 65_534;
const SENDS = ['sendto', 'sendmsg', 'sendmmsg'];
const DATAGRAMS = ['new', 'pair', 'left', 'unspecified'];
const ALL_DATAGRAMS = [...DATAGRAMS, 'shut'];

/** The answers of the sockets that a plugin has. A packet goes to the pair's other socket. */
const OTHERS: Readonly<Record<string, string>> = Object.fromEntries([
  ...SENDS.map((way) => [`packets/${way}`, 'ok']),
  ...SENDS.map((way) => [`stream/${way}`, 'EISCONN']),
  ['packets/connect', 'EACCES'],
  ['stream/connect', 'EACCES'],
]);

function answers(made: string, send: string, connect: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...SENDS.map((way) => [`${made}/${way}`, send]), [`${made}/connect`, connect]]);
}

const NO_DATAGRAMS = Object.assign({}, ...ALL_DATAGRAMS.map((made) => answers(made, 'EPERM', 'EPERM')));
/** From ABI 9 on. */
const KEPT = {
  ...Object.assign({}, ...DATAGRAMS.map((made) => answers(made, 'EACCES', 'EACCES'))),
  ...answers('shut', 'EPIPE', 'EACCES'),
};
const kept = landlockVersion() >= LANDLOCK_UNIX;
const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  channel: NO_DATAGRAMS,
  // The peer gets what is sent, whatever the address.
  transparent: {
    ...NO_DATAGRAMS,
    ...answers('pair', 'ok', 'EACCES'),
    ...answers('unspecified', 'ok', 'EACCES'),
    ...answers('shut', 'EPIPE', 'EACCES'),
    ...answers('left', 'EPIPE', 'EACCES'),
  },
};

interface Seen {
  readonly found: Readonly<Record<string, string>>;
  readonly heard: readonly string[];
}

async function look(user: User, egress: string, without?: readonly string[]): Promise<Seen> {
  const folder = readableFolder();
  if (process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  const path = join(folder, 'log');
  const packets = join(folder, 'packets');
  const judge = spawn('/usr/bin/python3', [judgeProgram, path, packets], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(judge.stdout);
  const heard: string[] = [];
  await once(lines, 'line');
  lines.on('line', (line) => heard.push(line.replace('heard ', '')));
  const { stdout, stderr } = await postern(
    [
      ...['run', '--egress', egress, '--writable', folder, '--audit', '/dev/null'],
      ...['--', '/usr/bin/python3', '-c', program, path, packets],
    ],
    { as: user, ...(without === undefined ? {} : { without }) },
  );
  judge.stdin.end();
  await once(lines, 'close');
  const found = [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(([, way, answer]) => [way, answer]);
  assert.notEqual(found.length, 0, stderr);
  return { found: Object.fromEntries(found), heard };
}

for (const [turn, egress] of ['transparent', 'channel'].entries()) {
  for (const user of userInTurn(turn)) {
    // proves: a pair of AF_UNIX datagram sockets is reported, and becomes one of packet sockets
    test(`a plugin sends no datagram to a socket of the host that it sees (${egress}, ${user})`, async () => {
      const { found, heard } = await look(user, egress);
      assert.deepEqual(found, { ...(kept ? KEPT : REFUSED[egress]), ...OTHERS });
      assert.deepEqual(heard, []);
    });

    twin(`with a datagram socket it does, by each call except connect(2) (${egress}, ${user})`, async () => {
      const { found, heard } = await look(user, egress, ['seccomp.families', 'reported_pairs', 'landlock']);
      assert.deepEqual(
        heard,
        DATAGRAMS.flatMap((made) => SENDS.map((way) => `${made}/${way}`)),
      );
      assert.deepEqual(found, {
        ...Object.assign({}, ...DATAGRAMS.map((made) => answers(made, 'ok', 'EACCES'))),
        ...answers('shut', 'EPIPE', 'EACCES'),
        ...OTHERS,
      });
    });
  }
}
