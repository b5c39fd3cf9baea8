// Requests that a gateway signs for AWS reach an HTTPS server which checks each signature with code of its own.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Internet, startInternet } from '../docs/internet.js';
import { anyUser } from '../harness/asked.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { readableFolder, type User } from '../harness/users.js';
import {
  type GatewayScene,
  HOST,
  linesOf,
  OTHER,
  PORT,
  searchFor,
  startServer,
  writeScene,
} from './gateway-scene.js';

const ID = 'AKIANEVERSEEN0123456';
const KEY = 'wJaNever/seen+by-the-program0123456789AB';
const TOKEN = 'IQoNever-seen-by-the-program/0123456789==';
const [S3, API] = [`https://${HOST}:${PORT}`, `https://${OTHER}:${PORT}`];

/** A request as the server got it. */
interface Heard {
  readonly wrong: string | null;
  readonly request: string;
  readonly credential: string;
  readonly hash: string | null;
  readonly bytes: number;
}

const source = (name: string): string => fileURLToPath(new URL(`gateway-aws/${name}`, import.meta.url));
const clients = readableFolder();
let internet: Internet;
let upstream: Awaited<ReturnType<typeof startServer<Heard>>>;
before(async () => {
  cpSync(source('sdk.py'), join(clients, 'sdk.py'));
  internet = await startInternet({ names: [HOST, OTHER] });
  const aws = { id: ID, key: KEY, token: TOKEN };
  const settings = { ...internet.certificate, address: '0.0.0.0', port: PORT, aws };
  upstream = await startServer(internet, [
    '/usr/bin/python3',
    source('upstream.py'),
    JSON.stringify(settings),
  ]);
});
after(() => {
  upstream.close();
  internet.close();
});

interface Talk extends PosternResult {
  readonly said: readonly string[];
  readonly heard: readonly Heard[];
  readonly audit: string;
}

/** {@link HOST} is S3, and {@link OTHER} another service. */
function sceneOf(as: User, command: readonly string[], reflect = 'mask'): GatewayScene {
  const aws = 'access_key_id: id, secret_access_key: key, session_token: session, region: eu-central-1';
  const signed = (service: string): string =>
    `{sign: {aws: {${aws}, service: ${service}}}, reflect: ${reflect}, deny: ["* /secret/**"]}`;
  return writeScene(as, {
    command,
    allow: [`${HOST}:${PORT}`, `${OTHER}:${PORT}`],
    gateway: `${signed('s3')}\n      ${OTHER}: ${signed('execute-api')}`,
    secrets: { id: ID, key: KEY, session: TOKEN },
    more: [`filesystem: {visible: [${clients}]}`],
  });
}

async function talk(as: User, command: readonly string[], reflect?: string): Promise<Talk> {
  const { config, audit } = sceneOf(as, command, reflect);
  const from = upstream.heard().length;
  const result = await postern(['up', '--config', config], { as, inside: internet.within });
  const log = readFileSync(audit, 'utf8');
  for (const text of [result.stdout, result.stderr, log]) assert.ok(!text.includes(KEY), text);
  return { ...result, said: linesOf(result.stdout), heard: upstream.heard().slice(from), audit: log };
}

function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

const bash = (script: string): readonly string[] => ['bash', '-ec', script];

for (const as of anyUser) {
  test(`curl: the upstream takes each request that the gateway has signed (${as})`, async () => {
    const { said, heard, stderr } = await talk(
      as,
      bash(`
head -c 3000000 /dev/zero >/tmp/body
sign=(--aws-sigv4 aws:amz:eu-central-1:s3 --user worthless:worthless -H 'x-amz-security-token: worthless' -o /tmp/answer -w '%{http_code}\\n')
for base in ${S3} ${API}; do
  curl -sS "\${sign[@]}" -T /tmp/body -H 'x-amz-meta-who:   an   agent' "$base/a%20b/c+d%2Be('1')!*%7B%E2%82%AC%7D?b=2&a=%2F+x&a-b=&%C3%A9"
  curl -sS "\${sign[@]}" -X DELETE "$base/"
done
curl -sS "\${sign[@]}" -T - -H 'Content-Type: text/plain' ${API}/chunks <<<body`),
    );
    assert.deepEqual(
      heard.map(({ wrong }) => wrong),
      heard.map(() => null),
      JSON.stringify(heard),
    );
    assert.deepEqual(said, ['200', '200', '200', '200', '200'], stderr);
    for (const { credential } of heard) assert.match(credential, new RegExp(`^${ID}/\\d{8}/eu-central-1/`));
    assert.deepEqual(
      heard.map(({ hash, bytes }) => [hash, bytes]),
      [
        ['UNSIGNED-PAYLOAD', 3_000_000],
        ['UNSIGNED-PAYLOAD', 0],
        [digestOf(Buffer.alloc(3_000_000)), 3_000_000],
        [digestOf(Buffer.alloc(0)), 0],
        [digestOf(Buffer.from('body\n')), 5],
      ],
    );
  });

  test(`the SDK for Python: objects by S3, in pieces with a checksum (${as})`, async () => {
    const { said, heard, stderr } = await talk(as, ['/usr/bin/python3', join(clients, 'sdk.py'), S3]);
    assert.deepEqual(said, ['put', 'got True'], stderr);
    assert.deepEqual(
      heard.map(({ wrong, request, hash }) => [wrong, request, hash]),
      [
        [null, 'PUT /bucket/a%20b%2Bc/d%281%29%27%C3%A9', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'],
        [null, 'GET /bucket/a%20b%2Bc/d%281%29%27%C3%A9', 'UNSIGNED-PAYLOAD'],
      ],
    );
  });

  // proves: gateway: what a signature is made with is masked
  test(`a hostile program: its own signature and token do not go on, and it learns none of the gateway's (${as})`, async () => {
    const { said, heard, stderr, audit } = await talk(
      as,
      bash(`
own=(-sS -H 'Authorization: AWS4-HMAC-SHA256 Credential=OWN/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=00'
  -H 'X-Amz-Security-Token: own' -H 'X_Amz_Security_Token: own' -H 'x-amz-date: 20260101T000000Z' -H 'connection: authorization, x-amz-date')
curl "\${own[@]}" ${S3}/
echo
for refused in '/a?X-Amz-Signature=00&X-Amz-Credential=OWN' '/a?X-Amz-Security-Token=own' '/secret/a'; do
  curl "\${own[@]}" -w '%{http_code}\\n' "${S3}$refused" -o /dev/null
done
curl "\${own[@]}" -H 'x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD' -d body -w '%{http_code}\\n' ${S3}/ -o /dev/null
head -c 10485761 /dev/zero | curl "\${own[@]}" -w '%{http_code}\\n' --data-binary @- ${API}/ -o /dev/null`),
    );
    const [answer = '', ...statuses] = said;
    assert.deepEqual(statuses, ['403', '403', '403', '403', '413'], stderr);
    assert.deepEqual(
      heard.map(({ wrong, request }) => [wrong, request]),
      [[null, 'GET /']],
    );
    const told = JSON.parse(answer);
    assert.equal(told['x-amz-security-token'], '*'.repeat(TOKEN.length));
    assert.match(told.authorization, /^AWS4-HMAC-SHA256 Credential=\*{20}\/\d{8}\/eu-central-1\/s3\//);
    assert.ok(!answer.includes('own') && !answer.includes('OWN'), answer);
    assert.match(audit, /"status":413[^\n]*"reason":"body_too_large"/);
    assert.match(audit, /"status":403[^\n]*"reason":"not_signable"/);
  });

  test(`a search of all that the program can read finds no key, and one finds a token that the upstream has told (${as})`, async () => {
    const ask = `
import urllib.request
kept = urllib.request.urlopen("${S3}/").read()
print(len(kept) > 0, flush=True)
`;
    const search = (secret: string, reflect?: string): Promise<Talk> =>
      talk(as, ['/usr/bin/python3', '-c', ask + searchFor(secret)], reflect);
    assert.deepEqual((await search(KEY, 'allow')).said, ['True', 'searched True']);
    assert.deepEqual((await search(TOKEN)).said, ['True', 'searched True']);
    assert.match((await search(TOKEN, 'allow')).stdout, /found in memory of \d+/);
  });

  test(`explain says that the gateway signs (${as})`, async () => {
    const { config } = sceneOf(as, ['true']);
    const { stdout } = await postern(['explain', '--config', config, 'agent', `GET ${S3}/a`], { as });
    assert.match(stdout, /signed +by the gateway, for AWS s3 eu-central-1\n/);
  });
}
