// gRPC through a gateway: unary calls and streams in each direction, statuses in trailers and deadlines are as without one, and the service gets the secret.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Internet, startInternet } from '../docs/internet.js';
import { postern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';
import { HOST, linesOf, PORT, SECRET, startServer, writeScene } from '../integration/gateway-scene.js';

const PACKAGE = '@grpc/grpc-js@1.14.7';
const folder = readableFolder();
const client = [process.execPath, join(folder, 'client.mjs'), `${HOST}:${PORT}`];

let internet: Internet;
let service: Awaited<ReturnType<typeof startServer<readonly string[]>>>;
before(async () => {
  execFileSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--silent', PACKAGE]);
  cpSync(fileURLToPath(new URL('grpc', import.meta.url)), folder, { recursive: true });
  internet = await startInternet({ names: [HOST] });
  const settings = { ...internet.certificate, address: internet.addresses[HOST], port: PORT };
  service = await startServer(internet, [
    process.execPath,
    join(folder, 'server.mjs'),
    JSON.stringify(settings),
  ]);
});
after(() => {
  service.close();
  internet.close();
});

const SAID = [
  'one true yes',
  'fail 9 not now yes',
  'never 4',
  'many 10000000 0 yes',
  'sum 3000000',
  'both first second third 0',
  'again true',
];

/** What the service hears of a whole run, from that call on. */
async function heardFrom(from: number): Promise<readonly (readonly string[])[]> {
  await until(() => service.heard().length >= from + SAID.length || undefined);
  return service.heard().slice(from);
}

test('the client and the service, without a gateway', async () => {
  const [program = '', ...words] = [...internet.within, ...client];
  const env = { ...process.env, ...internet.env };
  assert.deepEqual(execFileSync(program, words, { encoding: 'utf8', env }).trim().split('\n'), SAID);
  assert.ok((await heardFrom(0)).every((one) => one.length === 0));
});

for (const as of users)
  test(`each kind of call through a gateway (${as})`, async () => {
    const { config } = writeScene(as, {
      command: client,
      allow: [`${HOST}:${PORT}`],
      gateway: '{headers: {authorization: "Bearer {github}"}, allow: ["POST /example.Echo/*"]}',
      more: [`filesystem: {visible: [${folder}]}`],
    });
    const from = service.heard().length;
    const { status, stdout, stderr } = await postern(['up', '--config', config], {
      as,
      inside: internet.within,
    });
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(linesOf(stdout), SAID, stderr);
    assert.deepEqual(
      await heardFrom(from),
      Array.from({ length: SAID.length }, () => [`Bearer ${SECRET}`]),
    );
  });
