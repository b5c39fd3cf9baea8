import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pairs } from '../../sandbox/gateway/request-head.js';
import { type AwsSigning, signAws, signingProblem } from '../../sandbox/gateway/sign-aws.js';

const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
};
const PLACE = { host: 'example.amazonaws.com', port: 443 };
const DATE = '20150830T123600Z';

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Pairs;
  readonly content?: string;
  readonly signing?: Partial<AwsSigning>;
}

async function sign({ method = 'GET', target = '/', headers = [], content, signing }: Asked): Promise<{
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: string | undefined;
}> {
  const body = content === undefined ? undefined : Buffer.from(content);
  const keys = { ...KEYS, service: 'service', ...signing };
  const signed = await signAws(keys, PLACE, { method, target, headers }, body, DATE);
  const all = Object.fromEntries(signed.headers);
  assert.equal(Object.keys(all).length, signed.headers.length, 'a header stands there twice');
  return {
    target: signed.target,
    headers: all,
    signature: /Signature=(.*)/.exec(all['authorization'] ?? '')?.[1],
  };
}

/** Of the test suite that AWS publishes (aws-c-auth, aws-signing-test-suite/v4), by the names there. */
const PUBLISHED: Readonly<Record<string, Asked & { readonly signature: string }>> = {
  'get-vanilla': { signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  'get-vanilla-query-order-key-case': {
    target: '/?Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  'get-vanilla-query-order-encoded': {
    target: '/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1',
    signature: '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac',
  },
  'get-vanilla-utf8-query': {
    target: '/?%E1%88%B4=bar',
    signature: '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
  },
  'get-vanilla-with-session-token': {
    signing: { sessionToken: '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267' },
    signature: '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8',
  },
  'get-slashes-normalized': {
    target: '//example//',
    signature: '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84',
  },
  'get-relative-normalized': {
    target: '/example/..',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  'get-unreserved': {
    target: '/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
    signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
  },
  'post-vanilla': {
    method: 'POST',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  'post-x-www-form-urlencoded': {
    method: 'POST',
    headers: [['Content-Type', 'application/x-www-form-urlencoded']],
    content: 'Param1=value1',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
};

for (const [name, { signature, ...asked }] of Object.entries(PUBLISHED))
  test(`${name} of the test suite of AWS has the published signature`, async () => {
    assert.equal((await sign(asked)).signature, signature);
  });

/** What an SDK signs by, with keys of the program. */
const OWN: Pairs = [
  ['Authorization', 'AWS4-HMAC-SHA256 Credential=OWN/20150830/us-east-1/service/aws4_request'],
  ['X-Amz-Date', '20150101T000000Z'],
  ['x-amz-security-token', 'own-token'],
  ['x-amz-s3session-token', 'own-session'],
];

// proves: gateway: a signature or a token of the program does not go on
test("nothing of the program's own signature goes on", async () => {
  const { headers, signature } = await sign({ headers: [...OWN, ['Accept', 'text/plain']] });
  assert.equal(signature, PUBLISHED['get-vanilla']?.signature);
  assert.deepEqual(Object.keys(headers).sort(), ['Accept', 'authorization', 'x-amz-date']);
});

test('what is signed is what is sent: a path in the letters of a URL, and a header that comes twice as one', async () => {
  const twice = await sign({
    target: "/a{b}?q='x'",
    headers: [
      ['x-amz-meta-a', '1'],
      ['X-Amz-Meta-A', '1'],
    ],
  });
  assert.equal(twice.target, '/a%7Bb%7D?q=%27x%27');
  assert.equal(twice.headers['x-amz-meta-a'], '1, 1');
  const plus = { target: '/a+b%2Bc?d+e' };
  assert.equal((await sign({ ...plus, signing: { service: 's3' } })).target, '/a%2Bb%2Bc?d+e');
  assert.equal((await sign(plus)).target, '/a+b%2Bc?d+e');
});

test('the hash of a body: S3 leaves it out, and other services get the true one where the program sent one', async () => {
  const hashOf = async (asked: Asked): Promise<string | undefined> =>
    (await sign(asked)).headers['x-amz-content-sha256'];
  const claims = (value: string): Asked => ({ headers: [['X-Amz-Content-Sha256', value]], content: 'abc' });
  const s3 = { signing: { service: 's3' } };
  assert.equal(await hashOf({ ...s3 }), 'UNSIGNED-PAYLOAD');
  assert.equal(await hashOf({ ...s3, ...claims('00') }), 'UNSIGNED-PAYLOAD');
  const pieces = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  assert.equal(await hashOf({ ...s3, ...claims(pieces) }), pieces);
  assert.equal(await hashOf({ content: 'abc' }), undefined);
  assert.equal(
    await hashOf(claims('00')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

// proves: gateway: a request that is signed in its query is refused
test('a presigned URL is refused, in any spelling', () => {
  const refused = (target: string): boolean =>
    signingProblem({ ...KEYS, service: 's3' }, { target, headers: [] })?.reason === 'not_signable';
  for (const name of ['X-Amz-Signature', 'x-amz-%73ignature', 'X-Amz-Security-Token', 'AWSAccessKeyId'])
    assert.ok(refused(`/a?b=c&${name}=1`), name);
  for (const target of ['/a', '/X-Amz-Signature=1', '//a?x-id=GetObject&list-type=2', '/?prefix=X-Amz-Date'])
    assert.ok(!refused(target), target);
});

// proves: gateway: a form for S3, which is signed in its body, is refused
test('a form is refused for S3 alone', () => {
  const refused = (service: string, type: string): boolean =>
    signingProblem({ ...KEYS, service }, { target: '/', headers: [['Content-Type', type]] }) !== undefined;
  assert.ok(refused('s3', 'Multipart/Form-Data; boundary=x'));
  assert.ok(!refused('service', 'multipart/form-data; boundary=x'));
  assert.ok(!refused('s3', 'text/plain'));
});

// proves: gateway: a body with signatures of the program is refused
test('a body in pieces that the program signs is refused, and one in pieces without signatures is for S3 alone', () => {
  const refused = (service: string, hash: string): boolean =>
    signingProblem({ ...KEYS, service }, { target: '/', headers: [['X-Amz-Content-SHA256', hash]] }) !==
    undefined;
  for (const service of ['s3', 'service'])
    for (const hash of [
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD',
      'STREAMING-AWS4-HMAC-SHA256-EVENTS',
    ])
      assert.ok(refused(service, hash), hash);
  assert.ok(refused('service', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'));
  for (const hash of ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'UNSIGNED-PAYLOAD', 'e3b0'])
    assert.ok(!refused('s3', hash), hash);
});
