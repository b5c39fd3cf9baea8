import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { readableFile } from '../harness/users.js';
import { compileGo, compileJava } from './programs/compile.js';

interface ServerTest {
  readonly name: string;
  readonly command: () => { readonly words: readonly string[]; readonly file: string };
  readonly kinds: readonly string[];
}

const source = (name: string): URL => new URL(`servers/${name}`, import.meta.url);
const readable = (name: string): string => readableFile(name, readFileSync(source(name), 'utf8'));
const INET = ['127.0.0.1', 'curl', '::1', 'curl'];

const SERVERS: readonly ServerTest[] = [
  {
    name: 'Node',
    command: () => {
      const file = readable('server.mjs');
      return { words: [process.execPath, file], file };
    },
    kinds: [...INET, 'path', 'abstract', 'udp'],
  },
  {
    name: 'Python',
    command: () => {
      const file = readable('server.py');
      return { words: ['/usr/bin/python3', file], file };
    },
    kinds: [...INET, 'path', 'abstract', 'asyncio', 'udp'],
  },
  {
    name: 'Go',
    command: () => {
      const file = compileGo(source('server.go'));
      return { words: [file], file };
    },
    kinds: [...INET, 'path', 'abstract', 'udp'],
  },
  {
    name: 'Java',
    command: () => {
      const file = compileJava(source('Server.java'));
      return { words: ['java', '-XX:TieredStopAtLevel=1', '-cp', file, 'Server'], file };
    },
    kinds: [...INET, 'path', 'udp'],
  },
];

/** Listeners of the host at the very port that the servers have inside. */
async function hostsListeners(): Promise<readonly Listener[]> {
  for (;;) {
    const port = await freePort();
    const four = await listen(undefined, '127.0.0.1', port);
    try {
      return [four, await listen(undefined, '::1', port)];
    } catch {
      await four.close();
    }
  }
}

const host = await hostsListeners();
after(() => Promise.all(host.map((one) => one.close())));
const port = String(host[0]?.port);

for (const [turn, { name, command, kinds }] of SERVERS.entries()) {
  test(`Servers and clients of ${name} find each other inside, and nobody of the host`, async () => {
    const { words, file } = command();
    const as = userInTurn(turn);
    const results = await Promise.all(
      as.map((user) => postern(['run', '--visible', file, '--', ...words, port], { as: user })),
    );
    for (const [index, { status, stdout, stderr }] of results.entries()) {
      assert.equal(stdout, kinds.map((kind) => `${kind} served\n`).join(''), `${as[index]}: ${stderr}`);
      assert.equal(status, 0, stderr);
    }
    assert.deepEqual(
      host.map((one) => one.connections()),
      [0, 0],
    );
  });
}
