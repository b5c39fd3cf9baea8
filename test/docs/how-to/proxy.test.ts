import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/proxy.md');
const SITE = 'api.example.com';
const PROXY = 'proxy.example.com';
const PROGRAM = fileURLToPath(new URL('../site-proxy.js', import.meta.url));

/** The proxy gets the address that postern has checked. */
const checkedPlace = (): string => `${internet.addresses[SITE]}:443`;

let internet: Internet;
const proxies: ChildProcess[] = [];
const asked: string[] = [];
before(async () => {
  internet = await startInternet({ names: [SITE, PROXY] });
  await startProxy(3128, '');
  await startProxy(3129, 'reports:correct-horse');
});
after(() => {
  for (const proxy of proxies) proxy.kill();
  internet.close();
});

async function startProxy(port: number, credentials: string): Promise<void> {
  const words = [
    JSON.stringify(internet.addresses),
    credentials,
    internet.addresses[PROXY] ?? '',
    String(port),
  ];
  const [program = '', ...rest] = [...internet.site, process.execPath, PROGRAM, ...words];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  proxies.push(child);
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') resolve();
      else asked.push(line);
    });
  });
}

test('curl goes by a proxy that it knows nothing of', async (t) => {
  const { text, shown } = page.commands('proxy.example.com:3128');
  const ran = await runCommands(t, text, { cwd: readableFolder(), within: internet.within });
  assert.deepEqual([ran.status, ran.stdout.trim()], [0, shown.trim()], ran.stderr);
  await until(() => asked.length > 0 || undefined);
  assert.deepEqual(asked.splice(0), [checkedPlace()]);
});

test('the proxy gets its credentials, from the command line and from a file of plugins', async (t) => {
  const home = readableFolder();
  const cwd = join(home, 'plugins');
  mkdirSync(cwd);
  const { text, shown } = page.commands('--via-credentials');
  const where = { cwd, within: internet.within, env: { HOME: home } };
  const ran = await runCommands(t, text, where);
  assert.deepEqual([ran.status, ran.stdout.trim()], [0, shown.trim()], ran.stderr);
  page.writeFiles(cwd, 'postern.yaml');
  const up = await runCommands(t, 'postern up', where);
  assert.equal(up.status, 0, up.stderr);
  assert.match(up.stdout, /api\.example\.com/);
  await until(() => asked.length > 1 || undefined);
  assert.deepEqual(asked.splice(0), [checkedPlace(), checkedPlace()]);
});

testThatAllWasRun(page);
