// Published packages of the Model Context Protocol: its conformance tests say the same in a sandbox as outside, and a server for an API, as `mcp wrap` starts it,
// works with a token that it never has.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { wrapServers } from '../../sandbox/cli/mcp.js';
import { type Internet, startInternet } from '../docs/internet.js';
import { freePort } from '../harness/free-port.js';
import { postern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { asUser, chownTo, distFor, readableFolder, type User, users } from '../harness/users.js';
import { SECRET } from '../integration/gateway-scene.js';

/** 74 MB, so they are no dependencies of the checkout. The next version of the first one needs Node 22. */
const PACKAGES = [
  '@modelcontextprotocol/conformance@0.1.13',
  '@modelcontextprotocol/server-everything@2026.8.31',
  '@modelcontextprotocol/server-github@2025.4.8',
];
const API = 'api.github.com';
const folder = readableFolder();
const modules = join(folder, 'node_modules');
const CONFORMANCE = `
cd ${folder}
PORT=$1 ${process.execPath} node_modules/.bin/mcp-server-everything streamableHttp >/dev/null 2>&1 &
until (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null; do kill -0 $! || exit; sleep 0.1; done
${process.execPath} node_modules/.bin/conformance server --url http://localhost:$1/mcp
kill $!`;

let internet: Internet;
before(async () => {
  execFileSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--silent', ...PACKAGES]);
  copyFileSync(fileURLToPath(new URL('mcp/host.mjs', import.meta.url)), join(folder, 'host.mjs'));
  internet = await startInternet({ names: [API], echoes: ['/repos/example/site/commits'] });
});
after(() => internet.close());

/** A line for each scenario: what passed in it and what failed. */
function scenariosOf(output: string): readonly string[] {
  return output.split('\n').filter((line) => /^[✓✗] [\w-]+: \d+ passed, \d+ failed$/.test(line));
}

let outside: Promise<readonly string[]> | undefined;
async function runOutside(): Promise<readonly string[]> {
  const words = ['-c', CONFORMANCE, 'sh', String(await freePort())];
  return scenariosOf(execFileSync('bash', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

for (const as of users) {
  test(`the conformance tests of a server say in a sandbox what they say outside (${as})`, async () => {
    outside ??= runOutside();
    const expected = await outside;
    assert.ok(expected.filter((line) => line.startsWith('✓')).length > 5, expected.join('\n'));
    const words = ['run', '--visible', folder, '--', 'bash', '-c', CONFORMANCE, 'sh', '3001'];
    const { stdout, stderr } = await postern(words, { as });
    assert.deepEqual(scenariosOf(stdout), expected, stderr);
  });

  test(`a server for an API calls it with a token that it never has, and reads why a request is refused (${as})`, () =>
    callApi(as));
}

async function callApi(as: User): Promise<void> {
  const kept = readableFolder();
  const [gateway, token, audit] = [join(kept, 'gateway.yaml'), join(kept, 'token'), join(kept, 'audit.log')];
  writeFileSync(token, `${SECRET}\n`, { mode: 0o600 });
  writeFileSync(
    gateway,
    `secrets: {github: {file: token}}
gateway:
  ${API}:
    placeholder: {name: GITHUB_PERSONAL_ACCESS_TOKEN, secret: github, in: [authorization]}
    allow: ["GET /repos/example/**"]
`,
  );
  for (const path of [token, gateway, kept]) chownTo(as, path);
  const server = {
    command: process.execPath,
    args: [join(modules, '@modelcontextprotocol/server-github/dist/index.js')],
  };
  const file = JSON.stringify({ mcpServers: { github: server } });
  const options = { allow: [API], deny: [], preset: [], visible: [folder], writable: [], gateway };
  const postern = join(distFor(as), 'run/postern.js');
  const [change] = wrapServers(file, undefined, options, postern, '/nowhere/mcp.json').changes;
  const [, ...words] = change?.after.args ?? [];
  const from = internet.connections().length;
  const [program = '', ...more] = [
    ...[...internet.within, ...asUser(as), process.execPath, join(folder, 'host.mjs')],
    ...[postern, 'run', '--audit', audit, ...words],
  ];
  const { stdout, stderr, status } = spawnSync(program, more, { encoding: 'utf8', cwd: folder });
  assert.equal(status, 0, stderr);
  const [hasTools, commits = '', refused = ''] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(hasTools, true);
  // The site answers with the headers that it got. What was the token there is masked.
  assert.equal(JSON.parse(JSON.parse(commits)).authorization, `Bearer ${'*'.repeat(SECRET.length)}`);
  assert.match(refused, /no rule allows POST on this path/);
  assert.match(stderr, /^postern: The gateway refused POST .* of api\.github\.com: /m);
  await until(() => internet.connections().length > from || undefined);
  assert.deepEqual(internet.connections().slice(from), [`${API}:443`]);
  for (const text of [stdout, stderr, readFileSync(audit, 'utf8')]) assert.ok(!text.includes(SECRET));
}
