// A gateway between a program and HTTPS servers of the test: the whole of it, as `up` starts it.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Internet, startInternet } from '../docs/internet.js';
import { anyUser } from '../harness/asked.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';
import { HOST, linesOf, OTHER, SECRET, writeScene } from './gateway-scene.js';

const INTERNAL = 'vault.example.com';

let internet: Internet;
before(async () => {
  internet = await startInternet({
    names: [HOST, OTHER, INTERNAL],
    addresses: { [INTERNAL]: '10.1.2.3' },
  });
});
after(() => internet.close());

interface Scene extends PosternResult {
  readonly audit: string;
  /** `NAME:PORT` of each connection to a site meanwhile. */
  readonly connections: readonly string[];
}

async function up(as: User, script: string, gateway: string): Promise<Scene> {
  const { config, audit } = writeScene(as, {
    command: ['bash', '-c', script],
    allow: [HOST, OTHER, INTERNAL],
    gateway,
  });
  const from = internet.connections().length;
  const result = await postern(['up', '--config', config], { as, inside: internet.within });
  const connections = internet.connections().slice(from);
  return { ...result, connections, audit: readFileSync(audit, 'utf8') };
}

const BEARER = '{headers: {authorization: "Bearer {github}"}, allow: ["GET /headers", "GET /"]}';

for (const as of anyUser) {
  // proves: gateway: the plugin trusts its authority
  test(`the upstream gets the secret, and the program trusts the gateway (${as})`, async () => {
    const scene = await up(
      as,
      `curl -sS https://${HOST}/headers; echo; env -i /usr/bin/curl -sS https://${HOST}/; curl -sS --http1.1 https://${HOST}/; curl -sS https://other.example.com/; /usr/bin/python3 -c 'import socket; s = socket.create_connection(("${HOST}", 443)); print(s.getpeername()[0] == socket.gethostbyname("${HOST}"))'`,
      BEARER,
    );
    assert.equal(scene.status, 0, scene.stderr);
    const lines = linesOf(scene.stdout);
    assert.match(
      lines[0] ?? scene.stdout + scene.stderr,
      new RegExp(`"authorization":"Bearer \\*{${SECRET.length}}"`),
    );
    assert.deepEqual(lines.slice(1), [
      `served ${HOST}`,
      `served ${HOST}`,
      'served other.example.com',
      'True',
    ]);
    assert.match(scene.audit, /"event":"http"[^\n]*"path":"\/headers","status":200/);
  });

  // proves: gateway: no event has a secret
  test(`the secret is nowhere that the program sees, and in no output of postern (${as})`, async () => {
    const scene = await up(
      as,
      `env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; ls -la /proc/self/fd; grep -r ghs_never /etc /tmp /run /home /var 2>/dev/null; curl -sS https://${HOST}/headers`,
      BEARER,
    );
    for (const text of [scene.stdout, scene.stderr, scene.audit]) assert.ok(!text.includes(SECRET), text);
    assert.deepEqual(scene.connections, [`${HOST}:443`]);
  });

  test(`a request that no rule allows is 403, with the rule that would allow it (${as})`, async () => {
    const scene = await up(as, `curl -sS -X POST https://${HOST}/headers`, BEARER);
    assert.equal(JSON.parse(linesOf(scene.stdout)[0] ?? '').suggestion, 'POST /headers');
    assert.deepEqual(scene.connections, []);
    assert.match(
      scene.stderr,
      /refused POST \/headers of api\.example\.com: method_not_allowed; to allow it: add "POST \/headers" to gateway\.api\.example\.com\.allow/,
    );
    assert.match(scene.audit, /"event":"http"[^\n]*"status":403[^\n]*"decision":"deny"/);
  });

  // proves: gateway: DNS gives no other address of a host with a gateway
  test(`nothing goes around the gateway (${as})`, async () => {
    const address = internet.addresses[HOST];
    const scene = await up(
      as,
      `curl -sS --resolve ${HOST}:443:${address} https://${HOST}/; getent ahosts ${HOST}; curl -sS --max-time 5 https://${HOST}:444/; exit 0`,
      BEARER,
    );
    assert.deepEqual(scene.connections, [], scene.stdout);
    assert.match(scene.stdout, /198\.19\.255\.1/);
    assert.ok(!scene.stdout.includes(String(address)));
  });

  test(`a refused connect to the address of its host says to connect by the name, and suggests no rule (${as})`, async () => {
    const address = internet.addresses[HOST];
    const bare = `curl -sS --max-time 5 --resolve ${HOST}:443:${address} https://${HOST}/`;
    const scene = await up(
      as,
      `${bare}; curl -sS -o /dev/null https://${HOST}/headers; ${bare}; curl -sS --max-time 5 http://${address}:81/; exit 0`,
      BEARER,
    );
    const told = scene.audit
      .split('\n')
      .filter((line) => line.includes('"event":"decision"') && line.includes('"decision":"deny"'))
      .map((line) => JSON.parse(line))
      .map(({ message, suggestion }) => [message, suggestion]);
    const refused = (port: number): string =>
      `Cannot connect to "${address}:${port}": no rule allows "${address}"`;
    assert.deepEqual(told, [
      [
        `${refused(443)}; the plugin has a gateway on port 443, so no rule may open addresses there. Connect by the name of the host`,
        undefined,
      ],
      [
        `${refused(443)}; it is an address of "${HOST}", which has a gateway. Connect by that name`,
        undefined,
      ],
      [refused(81), `${address}:81`],
    ]);
    assert.match(
      scene.stderr,
      /may open addresses there\. Connect by the name of the host \("curl", pid \d+\)$/m,
    );
    assert.deepEqual(scene.connections, [`${HOST}:443`]);
  });

  test(`a placeholder becomes the secret on the way to its host alone (${as})`, async () => {
    const scene = await up(
      as,
      `echo $KEY; curl -sS -H "x-key: $KEY" https://${HOST}/headers; echo; curl -sS -H "x-key: $KEY" https://other.example.com/headers; echo; curl -sS -u "me:$KEY" https://${HOST}/headers`,
      '{placeholder: {name: KEY, secret: github, in: [x-key, authorization]}}',
    );
    const [token = '', own = '', other = '', basic = ''] = linesOf(scene.stdout);
    assert.match(token, /^postern_[0-9a-f]{48}$/);
    assert.match(own, /"x-key":"\*+"/);
    assert.ok(other.includes(token), other);
    assert.ok(
      !basic.includes(token) && !basic.includes(Buffer.from(`me:${token}`).toString('base64')),
      basic,
    );
  });

  test(`a program without trust in the gateway reaches the host by plain HTTP within its sandbox (${as})`, async () => {
    const url = `http://${HOST}.gateway.internal`;
    const scene = await up(
      as,
      `for path in headers other; do env -i /usr/bin/curl -sS ${url}/$path; echo; done; exit 0`,
      '{headers: {authorization: "Bearer {github}"}, allow: ["GET /headers"], base_url: true}',
    );
    const [allowed = '', refused = ''] = linesOf(scene.stdout);
    assert.match(allowed, /"authorization":"Bearer \*+"/, scene.stderr);
    assert.equal(JSON.parse(refused).suggestion, 'GET /other');
    assert.deepEqual(scene.connections, [`${HOST}:443`]);
  });

  // proves: gateway: special addresses of its hosts are open to the gateway alone
  test(`a host with a private address is reached through its gateway alone (${as})`, async () => {
    const script = `curl -sS https://${INTERNAL}/; echo; curl -sSk --max-time 5 https://10.1.2.3/; curl -sSk --max-time 5 --resolve ${INTERNAL}:443:10.1.2.3 https://${INTERNAL}/; exit 0`;
    const open = await up(as, script, `{}\n      ${INTERNAL}: {addresses: [10.1.2.0/24]}`);
    assert.equal(linesOf(open.stdout)[0], `served ${INTERNAL}`, open.stderr);
    assert.deepEqual(open.connections, [`${INTERNAL}:443`]);
    const closed = await up(as, script, `{}\n      ${INTERNAL}: {}`);
    assert.equal(JSON.parse(linesOf(closed.stdout)[0] ?? '').reason, 'connect_refused');
    assert.deepEqual(closed.connections, []);
    const wanted = /add \\"(\S+)\\" to gateway\.vault\.example\.com\.addresses"/.exec(closed.audit)?.[1];
    assert.doesNotMatch(closed.audit, /"suggestion":"10\./);
    const added = await up(as, script, `{}\n      ${INTERNAL}: {addresses: ["${wanted}"]}`);
    assert.deepEqual(added.connections, [`${INTERNAL}:443`], closed.audit);
  });

  // proves: gateway: a secret that every user may read is refused
  test(`a secret that every user may read refuses the start (${as})`, async () => {
    const folder = readableFolder();
    const file = join(folder, 'token');
    writeFileSync(file, SECRET, { mode: 0o644 });
    chmodSync(file, 0o644);
    const config = join(readableFolder(), 'postern.yaml');
    writeFileSync(
      config,
      `secrets: {github: {file: ${file}}}\nplugins:\n  agent:\n    command: [echo, started]\n    allow: [${HOST}]\n    gateway:\n      ${HOST}: ${BEARER}\n`,
    );
    chownTo(as, config);
    const { stdout, stderr, status } = await postern(['up', '--config', config], {
      as,
      inside: internet.within,
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /Cannot use the secret "github": every user may read/);
    assert.ok(!`${stdout}${stderr}`.includes(SECRET) && !stdout.includes('started'));
  });
}
