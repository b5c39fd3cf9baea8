// Real clients talk to an HTTPS server through a gateway, as they are, with no setting of the test's own.
// needs: git, python3-requests, python3-httpx, python3-h2, python3-pip
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DIST } from '../../shared/bundles.js';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder } from '../harness/users.js';
import {
  type Heard,
  HOST,
  linesOf,
  PORT,
  SECRET,
  useOutside,
  writeScene,
} from '../integration/gateway-scene.js';
import { compileGo, compileJava } from './programs/compile.js';

const BASE = `https://${HOST}:${PORT}`;
const source = (name: string): URL => new URL(`gateway-clients/${name}`, import.meta.url);
/** What the server shows. */
const shown = readableFolder();
/** The clients. */
const clients = readableFolder();

const outside = useOutside(shown);
before(() => {
  makeRepository();
  makePackages();
  for (const name of ['clients.py', 'clients.mjs']) cpSync(fileURLToPath(source(name)), join(clients, name));
  for (const name of ['undici', 'ws'])
    cpSync(join(dirname(DIST), 'node_modules', name), join(clients, 'node_modules', name), {
      recursive: true,
    });
});

function git(cwd: string, ...words: readonly string[]): string {
  const identity = ['user.name=Test', 'user.email=test@example.com', 'commit.gpgsign=false'];
  const options = identity.flatMap((one) => ['-c', one]);
  const env = { PATH: process.env['PATH'], HOME: cwd, GIT_CONFIG_NOSYSTEM: '1' };
  return execFileSync('git', [...options, ...words], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function makeRepository(): void {
  const work = readableFolder();
  writeFileSync(join(work, 'README'), 'cloned\n');
  git(work, 'init', '--quiet', '--initial-branch=main');
  git(work, 'add', 'README');
  git(work, 'commit', '--quiet', '--message', 'first');
  mkdirSync(join(shown, 'git'));
  git(work, 'clone', '--quiet', '--bare', work, join(shown, 'git/project.git'));
}

function digest(algorithm: string, path: string, encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(readFileSync(path)).digest(encoding);
}

/** A package of each registry, and one of npm with a scope. */
function makePackages(): void {
  const made = readableFolder();
  const [npm, pip] = [join(shown, 'npm'), join(shown, 'pip')];
  for (const folder of [
    `${npm}/-`,
    `${npm}/@example`,
    `${pip}/simple/example`,
    `${made}/package`,
    `${made}/example-1.0.dist-info`,
  ])
    mkdirSync(folder, { recursive: true });
  for (const [name, file] of [
    ['example', 'example-1.0.0.tgz'],
    ['@example/scoped', 'scoped-1.0.0.tgz'],
  ] as const) {
    writeFileSync(join(made, 'package/package.json'), JSON.stringify({ name, version: '1.0.0' }));
    execFileSync('tar', ['-czf', join(npm, '-', file), 'package'], { cwd: made });
    const integrity = `sha512-${digest('sha512', join(npm, '-', file), 'base64')}`;
    const version = { name, version: '1.0.0', dist: { tarball: `${BASE}/npm/-/${file}`, integrity } };
    const document = { name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } };
    writeFileSync(join(npm, name), JSON.stringify(document));
  }
  const info = join(made, 'example-1.0.dist-info');
  writeFileSync(join(made, 'example.py'), 'said = "hello"\n');
  writeFileSync(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: example\nVersion: 1.0\n');
  writeFileSync(
    join(info, 'WHEEL'),
    'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  );
  writeFileSync(
    join(info, 'RECORD'),
    'example.py,,\nexample-1.0.dist-info/METADATA,,\nexample-1.0.dist-info/WHEEL,,\nexample-1.0.dist-info/RECORD,,\n',
  );
  const wheel = join(pip, 'example-1.0-py3-none-any.whl');
  execFileSync('/usr/bin/python3', ['-m', 'zipfile', '-c', wheel, 'example.py', 'example-1.0.dist-info'], {
    cwd: made,
  });
  writeFileSync(
    join(pip, 'simple/example/index.html'),
    `<a href="../../example-1.0-py3-none-any.whl#sha256=${digest('sha256', wheel, 'hex')}">example-1.0-py3-none-any.whl</a>`,
  );
}

interface Talk {
  readonly said: readonly string[];
  readonly heard: readonly Heard[];
}

const [as = 'user'] = anyUser;

/** Runs a script in the sandbox. @param rules of the gateway, as YAML */
async function talk(script: string, rules = ''): Promise<Talk> {
  const { config } = writeScene(as, {
    command: ['bash', '-ec', `export HOME=/tmp\n${script}`],
    gateway: `{headers: {authorization: "Bearer {github}"}${rules}}`,
    more: [`filesystem: {visible: [${clients}, ${process.execPath}]}`],
  });
  const from = outside.upstream.heard().length;
  const { status, stdout, stderr } = await postern(['up', '--config', config], {
    as,
    inside: outside.internet.within,
  });
  assert.equal(status, 0, stdout + stderr);
  assert.ok(!`${stdout}${stderr}`.includes(SECRET));
  const heard = outside.upstream.heard().slice(from);
  for (const { authorization, path } of heard) assert.equal(authorization, `Bearer ${SECRET}`, path);
  return { said: linesOf(stdout), heard };
}

test(`curl by HTTP/1.1 and by HTTP/2 (${as})`, async () => {
  const { said, heard } = await talk(`
head -c 3000000 /dev/zero >/tmp/body
for version in 1.1 2; do
  curl -sS --http$version -H 'Expect: 100-continue' --data-binary @/tmp/body ${BASE}/echo -o /tmp/echo -w '%{http_version} %{http_code}\\n'
  cmp /tmp/body /tmp/echo
  curl -sS --http$version -T - -o /tmp/echo ${BASE}/echo </tmp/body
  cmp /tmp/body /tmp/echo
  curl -sS --http$version -I ${BASE}/headers | head -n 1 | cut -d ' ' -f 1,2
done`);
  assert.deepEqual(said, ['1.1 200', 'HTTP/1.1 200', '2 200', 'HTTP/2 200']);
  assert.deepEqual(
    heard.map(({ version, method }) => `${version} ${method}`),
    [...['1.1 POST', '1.1 PUT', '1.1 HEAD', '2.0 POST', '2.0 PUT', '2.0 HEAD']],
  );
});

test(`git clones and pushes (${as})`, async () => {
  const { said } = await talk(`
cd /tmp
git clone -q ${BASE}/git/project.git
cd project
cat README
head -c 3000000 /dev/urandom >large
git add large
git -c user.name=Test -c user.email=test@example.com commit -q -m second
git push -q origin main
git ls-remote origin main | cut -f 1
git rev-parse HEAD`);
  assert.equal(said[0], 'cloned');
  const commit = git(join(shown, 'git/project.git'), '-c', 'safe.directory=*', 'rev-parse', 'main').trim();
  assert.deepEqual(said.slice(1), [commit, commit]);
});

test(`npm install and pip download (${as})`, async () => {
  const { said } = await talk(`
mkdir /tmp/npm /tmp/pip
cd /tmp/npm
npm install --silent --no-audit --no-fund --no-update-notifier --registry ${BASE}/npm/ example @example/scoped >/dev/null
ls node_modules node_modules/@example
cd /tmp/pip
/usr/bin/pip3 download -q --disable-pip-version-check --index-url ${BASE}/pip/simple/ example
ls`);
  assert.deepEqual(said, [
    ...['node_modules:', '@example', 'example', '', 'node_modules/@example:', 'scoped'],
    'example-1.0-py3-none-any.whl',
  ]);
});

test(`git clones with the preset github-read, and its push gets 403 (${as})`, async () => {
  const { said, heard } = await talk(
    `
cd /tmp
git clone -q ${BASE}/git/project.git
cd project
git -c user.name=Test -c user.email=test@example.com commit -q --allow-empty -m never
git push origin HEAD:never 2>&1 | grep -o 'error: 403'
git ls-remote origin never`,
    ', allow: [github-read]',
  );
  assert.deepEqual(said, ['error: 403']);
  const paths = heard.map(({ path }) => path);
  assert.ok(paths.includes('/git/project.git/git-upload-pack'), paths.join());
  assert.ok(!paths.some((path) => path.includes('receive-pack')), paths.join());
});

test(`npm install with the preset npm-install, and what would publish gets 403 (${as})`, async () => {
  const { said, heard } = await talk(
    `
mkdir /tmp/npm
cd /tmp/npm
npm install --silent --no-audit --no-fund --no-update-notifier --registry ${BASE}/npm/ example @example/scoped >/dev/null
ls node_modules node_modules/@example
for method in PUT POST DELETE; do curl -sS -X $method -o /dev/null -w '%{http_code}\\n' ${BASE}/npm/example; done`,
    ', allow: [npm-install]',
  );
  assert.deepEqual(said, [
    ...['node_modules:', '@example', 'example', '', 'node_modules/@example:', 'scoped'],
    ...['403', '403', '403'],
  ]);
  assert.ok(heard.length > 0 && heard.every(({ method }) => method === 'GET'));
});

test(`each variable for certificates names a bundle by which a client trusts the gateway (${as})`, async () => {
  const names = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'];
  const { said } = await talk(`
for name in ${names.join(' ')} GIT_SSL_CAINFO; do
  echo $name $(env -i /usr/bin/curl -sS --cacert "\${!name}" --capath /nonexistent -o /dev/null -w '%{http_code}' ${BASE}/headers)
done
env -i /usr/bin/curl -sS --cacert /usr/share/postern-none ${BASE}/headers 2>/dev/null || echo without: $?`);
  const trusted = [...names, 'GIT_SSL_CAINFO'].map((name) => `${name} 200`);
  // CURLE_SSL_CACERT_BADFILE
  assert.deepEqual(said, [...trusted, 'without: 77']);
});

test(`a client in Go (${as})`, async () => {
  cpSync(compileGo(source('client.go')), join(clients, 'go-client'));
  const { said } = await talk(`${clients}/go-client ${BASE}`);
  assert.deepEqual(said, ['Go HTTP/2.0 true true']);
});

test(`clients in Python: urllib, requests, httpx, and server-sent events (${as})`, async () => {
  const { said } = await talk(`/usr/bin/python3 ${clients}/clients.py ${BASE}`);
  assert.deepEqual(said, [
    ...['urllib True True', 'requests True True', 'httpx HTTP/1.1 True True', 'httpx HTTP/2 True True'],
    'events True',
  ]);
});

test(`clients in Node: fetch, undici, https, http2 and WebSockets (${as})`, async () => {
  const { said } = await talk(`${process.execPath} ${clients}/clients.mjs ${BASE}`);
  assert.deepEqual(said, [
    ...['fetch true true', 'undici fetch true true', 'undici h1 true true', 'undici h2 true true'],
    ...['https true true', 'https trailers yes', 'http2 true true', 'http2 trailers yes', 'http2 streams 1'],
    'ws true true',
    ...('WebSocket' in globalThis ? ['WebSocket hello'] : []),
  ]);
});

test(`a client in Java (${as})`, async () => {
  cpSync(compileJava(source('Client.java')), join(clients, 'java'), { recursive: true });
  const { said } = await talk(`java -XX:TieredStopAtLevel=1 -cp ${clients}/java Client ${BASE}`);
  assert.deepEqual(said, ['Java HTTP_1_1 true true', 'Java HTTP_2 true true', 'Java URLConnection true']);
});
