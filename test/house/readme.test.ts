import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { startPublicNet } from '../harness/public-net.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const readme = readFileSync(join(top, 'README.md'), 'utf8');

interface Block {
  readonly language: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
);
const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text.trimEnd());

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a line as a reader would type it, in the checkout. */
function run(t: TestContext, line: string, within: readonly string[] = []): Promise<Ran> {
  const [command = '', ...args] = [...within, 'sh', '-c', line];
  const child = spawn(command, args, { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

/** The block of commands that has a word in it, and the block of output behind it. */
function blockWith(word: string): { readonly lines: readonly string[]; readonly shown: string } {
  const at = blocks.findIndex(({ language, text }) => language === 'sh' && text.includes(word));
  assert.ok(at >= 0, `README has no commands with "${word}"`);
  used.add(blocks[at]?.text.trimEnd() ?? '');
  return { lines: blocks[at]?.text.trimEnd().split('\n') ?? [], shown: blocks[at + 1]?.text ?? '' };
}

const used = new Set<string>();

test("README's first commands are those that continuous integration runs", () => {
  const { lines } = blockWith('npm start');
  const { scripts } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  assert.deepEqual(
    lines.map((line) => line.split('#')[0]?.trim()),
    ['npm ci && npm start', 'npm ci && npm test'],
  );
  assert.ok(scripts['start'] !== undefined && scripts['test'] !== undefined);
  const ci = readFileSync(join(top, '.ci/run'), 'utf8');
  assert.match(ci, /^npm start$/m);
  assert.match(ci, /^npm ci && npm test$/m);
});

test("README's first run fetches, and its second is refused as shown", async (t) => {
  const upstream = await listen((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nfetched\n'),
  );
  t.after(() => upstream.close());
  const { lines, shown } = blockWith('tracker');
  const place = `127.0.0.1:${upstream.port}`;
  const [allowed = '', refused = ''] = lines;
  // The one upstream that a test may have in the place of example.com.
  const here = allowed
    .replace('--allow example.com', `--allow ${place}`)
    .replace('https://example.com/', `http://${place}/`);
  assert.notEqual(here, allowed);
  const first = await run(t, here);
  assert.deepEqual([first.status, first.stdout], [0, 'fetched\n'], first.stderr);
  // curl writes its line in pieces: on one stream postern's could come between them.
  const apart = refused.replace('-- curl ', '-- curl --stderr - ');
  assert.notEqual(apart, refused);
  const second = await run(t, apart);
  assert.equal(second.status, 6);
  const [ofPostern, ofCurl] = shown.split(/(?<=\n)/);
  assert.deepEqual([second.stderr, second.stdout], [ofPostern, ofCurl]);
  assert.equal(shown, `${ofPostern}${ofCurl}`);
});

test("README's rules are what learn prints", async (t) => {
  const net = await startPublicNet({ 'example.com A': ['93.184.216.34'] }, [443]);
  t.after(() => net.close());
  const { lines, shown } = blockWith('postern learn');
  const line = lines
    .join('\n')
    .replace('learn', `learn --dns ${net.dns}`)
    .replace('https://example.com/', 'http://example.com:443/');
  const { status, stdout, stderr } = await run(t, line, net.within);
  assert.deepEqual([status, stdout, stderr], [0, 'served example.com:443\n', shown]);
});

test("README's explanation is what explain prints", async (t) => {
  const { lines, shown } = blockWith('explain');
  const { status, stdout } = await run(t, lines.join('\n'));
  assert.equal(status, 0);
  assert.equal(stdout, shown);
});

test("README's configuration is right, and init, check and up run as told", async (t) => {
  const folder = readableFolder();
  for (const name of ['templates', 'templates/private', 'out', 'rules']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'rules/internal.yaml'), 'allow: [intranet.example.com]\n');
  const yaml = blocks.find(({ language }) => language === 'yaml')?.text ?? '';
  writeFileSync(join(folder, 'postern.yaml'), yaml);
  const checked = await run(t, `npx postern check ${join(folder, 'postern.yaml')}`);
  assert.match(checked.stdout, /: 2 plugins, 5 rules, 0 warnings\n$/);
  const { lines } = blockWith('init example.yaml');
  const example = join(top, 'example.yaml');
  assert.ok(!existsSync(example));
  t.after(() => rmSync(example, { force: true }));
  const { status, stdout, stderr } = await run(t, lines.join(' && '));
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^hello \| I run, and reach nobody that no rule allows$/m);
});

test("README's server answers on the socket that it inherits", async (t) => {
  const { lines } = blockWith('--listen');
  const port = await freePort();
  const line = lines.join('\n').replaceAll('8080', String(port)).replace('python3', '/usr/bin/python3');
  const ended = run(t, `exec ${line} & echo $!; wait`);
  const answer = await until(() =>
    fetch(`http://127.0.0.1:${port}/`)
      .then((response) => response.text())
      .catch(() => undefined),
  );
  assert.equal(answer, 'hello from a program that reaches nobody\n');
  const { stdout } = await Promise.race([ended, stopServer(port, ended)]);
  assert.match(stdout, /^\d+\n/);
});

/** Ends the supervisor that listens there, by its pid. Its name is `node`, or that of the thread by which newer Nodes go. */
async function stopServer(port: number, ended: Promise<Ran>): Promise<Ran> {
  const told = spawnSync('ss', ['-ltnpH', `sport = :${port}`], { encoding: 'utf8' }).stdout;
  for (const [, pid] of told.matchAll(/pid=(\d+)/g)) {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postern'))
      process.kill(Number(pid), 'SIGTERM');
  }
  return ended;
}

test("README's program fetches through the channel without being changed", async (t) => {
  const upstream = await listen((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
  );
  t.after(() => upstream.close());
  const place = `127.0.0.1:${upstream.port}`;
  const { lines } = blockWith('register');
  const line = lines
    .join('\n')
    .replace('--allow example.com', `--allow ${place}`)
    .replace('https://example.com/', `http://${place}/`);
  const { status, stdout, stderr } = await run(t, line);
  assert.deepEqual([status, stdout], [0, '200 OK\n'], stderr);
});

test("README's doctor finds this host fit", async (t) => {
  const { lines } = blockWith('doctor');
  const { status, stdout } = await run(t, lines.join('\n'));
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^This host can run postern/m);
});

test('every block of commands in README was run', () => {
  assert.deepEqual(
    commands.filter((text) => !used.has(text)),
    [],
  );
});
