import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { distFor } from '../harness/users.js';
import { makeCertificates, readPair } from '../interop/certificates.js';
import { Project } from '../interop/project.js';
import { serverFolder } from '../interop/server.js';

interface Example {
  readonly name: string;
  readonly source: string;
  /** Its number in the file. */
  readonly at: number;
}

/** What each file's examples ask for, in their order; a file with examples that is not here fails. */
const DESTINATIONS: Readonly<Record<string, readonly string[]>> = {
  'channel-socket': ['example.com:80'],
  connect: ['example.com:80', 'example.com:80'],
  'connect-for': ['example.com:80', 'example.com:443'],
  undici: ['example.com:443'],
};
/** An example of a client that tries again for ever ends by this. */
const BOUND = `setTimeout(() => process.exit(), ${5_000 * PATIENCE}).unref();\n`;

/** The examples of the declarations, which a user's editor shows. */
function readExamples(): Example[] {
  const folder = join(distFor('root'), 'sandbox/plugin');
  const files = readdirSync(folder).filter((name) => name.endsWith('.d.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const examples = text.matchAll(/^ *\* @example\n((?: *\*(?! @|\/).*\n)+)/gm);
    return [...examples].map(([, lines = ''], at) => ({
      at,
      name: file.slice(0, -'.d.ts'.length),
      source: BOUND + lines.replace(/^ *\* ?/gm, ''),
    }));
  });
}

const [user = 'user'] = anyUser;
const project = new Project('undici');
const certificates = makeCertificates(serverFolder());
const servers: readonly Server[] = [
  createHttp((_request, response) => response.end('plain')),
  createHttps(readPair(certificates.local), (_request, response) => response.end('secure')),
];
let ports: number[] = [];
before(async () => {
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports = servers.map((server) => (server.address() as AddressInfo).port);
});
after(() => {
  for (const server of servers) server.close();
});

const examples = readExamples();
const connecting = examples.filter(({ name }) => name !== 'explain' && name !== 'open-channel');

test('every file with examples is known', () => {
  const names = [...new Set(connecting.map(({ name }) => name))].sort();
  assert.deepEqual(names, Object.keys(DESTINATIONS).sort());
});

for (const [index, { name, source, at }] of connecting.entries()) {
  const destination = DESTINATIONS[name]?.[at] ?? '';
  test(`example ${index + 1}, of ${name}, asks for ${destination}`, async () => {
    const { stdout, stderr } = await project.run({ as: user, source });
    assert.match(stderr, new RegExp(`^postern: Cannot connect to "${destination}": no rule allows`, 'm'));
    assert.doesNotMatch(stderr + stdout, /SyntaxError|ReferenceError|TypeError: (?!fetch failed)/);
  });
  test(`example ${index + 1}, of ${name}, gets an answer`, async () => {
    const [plain = 0, secure = 0] = ports;
    const local = source
      .replaceAll('https://example.com/', `https://localhost:${secure}/`)
      .replaceAll('http://example.com/', `http://localhost:${plain}/`)
      .replace(/host: 'example.com'(, port: 80)?/, `host: 'localhost', port: ${plain}`)
      .replace("connect(80, 'example.com')", `connect(${plain}, 'localhost')`);
    const { status, stdout, stderr } = await project.run({
      as: user,
      source: local,
      allow: [`localhost:${ports.join(',')}`, `127.0.0.1:${ports.join(',')}`],
      env: { NODE_EXTRA_CA_CERTS: certificates.authority },
      visible: [certificates.authority],
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^(HTTP\/1.1 200 OK|plain|secure|200)/);
  });
}

test("the example of explain() prints the policy's word", async () => {
  const example = examples.find(({ name }) => name === 'explain');
  const { stdout } = await project.run({
    as: user,
    source: example?.source ?? '',
    allow: ['api.example.com'],
  });
  assert.equal(stdout, 'deny port_not_allowed api.example.com:8443\n');
});

test('the example of openChannel() gives its child a channel', async () => {
  const example = examples.find(({ name }) => name === 'open-channel');
  const program = `
import os, stat
for name, kind in (('POSTERN_REQUEST_FD', stat.S_ISFIFO), ('POSTERN_REPLY_FD', stat.S_ISSOCK)):
    assert kind(os.fstat(int(os.environ[name])).st_mode)
print('child')
`;
  project.write('fetch.py', program);
  const source = (example?.source ?? '').replace("'python3'", "'/usr/bin/python3'");
  const { stdout, stderr } = await project.run({ as: user, source });
  assert.equal(stdout, 'child\n0\n', stderr);
});
