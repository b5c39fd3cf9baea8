// The server of the live page among hostile requests.
import assert from 'node:assert/strict';
import { type IncomingHttpHeaders, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { type PageScene, startPage } from './page-scene.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** With any headers, which no browser would send. A stream is read up to its first part. */
function ask(
  base: string,
  path: string,
  { method = 'GET', headers = {}, body }: Asking = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${base}${path}`, { method, headers }, (response) => {
      let text = '';
      const done = (): void => {
        resolve({ status: response.statusCode, headers: response.headers, body: text });
        response.destroy();
      };
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (path === '/stream') done();
      });
      response.once('end', done);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

interface Session {
  readonly Origin: string;
  readonly Cookie: string;
  readonly Authorization: string;
}

const tokenOf = (link: string): string => link.split('#token=')[1] ?? '';

function enter(
  base: string,
  token: string,
  headers: Readonly<Record<string, string>> = { Origin: base },
): Promise<Answer> {
  return ask(base, '/session', { method: 'POST', headers, body: JSON.stringify({ token }) });
}

async function sessionOf({ base, link }: PageScene): Promise<Session> {
  const { status, headers, body } = await enter(base, tokenOf(link()));
  assert.equal(status, 200);
  const [cookie = ''] = headers['set-cookie'] ?? [];
  assert.match(cookie, /^postern=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  const { key } = JSON.parse(body) as { key: string };
  return { Origin: base, Cookie: cookie.split(';')[0] ?? '', Authorization: `Bearer ${key}` };
}

function call(
  base: string,
  headers: Readonly<Record<string, string>>,
  method: string,
  params: unknown = {},
): Promise<Answer> {
  return ask(base, '/call', { method: 'POST', headers, body: JSON.stringify({ method, params }) });
}

async function open(
  t: TestContext,
  edit = false,
): Promise<{ readonly scene: PageScene; readonly base: string; readonly session: Session }> {
  const scene = await startPage(t, { edit });
  return { scene, base: scene.base, session: await sessionOf(scene) };
}

// proves: ui: without a session nothing is answered
// proves: ui: a cookie alone opens nothing
test('without a session, or with a part of one, nothing is answered', async (t) => {
  const { base, session, scene } = await open(t);
  const { Cookie, Authorization, Origin } = session;
  for (const headers of [
    { Origin },
    { Origin, Cookie },
    { Origin, Authorization },
    { Origin, Cookie, Authorization: 'Bearer x' },
    { Origin, Cookie: 'postern=x', Authorization },
  ]) {
    assert.equal((await ask(base, '/stream', { headers })).status, 401);
    assert.equal((await call(base, headers, 'disconnect', { plugin: 'web', decision_id: 'c1' })).status, 401);
  }
  assert.deepEqual(scene.acts, []);
  assert.equal((await ask(base, '/stream', { headers: { ...session } })).status, 200);
  assert.equal(
    (await call(base, { ...session }, 'disconnect', { plugin: 'web', decision_id: 'c1' })).status,
    200,
  );
  assert.deepEqual(scene.acts, ['disconnect web c1']);
});

// proves: ui: a link counts once
// proves: ui: a link without a token opens nothing
test('a link counts once, and a wrong one does not', async (t) => {
  const { base, link } = await startPage(t);
  const token = tokenOf(link());
  for (const wrong of ['', 'x', token.slice(1), `${token}x`])
    assert.equal((await enter(base, wrong)).status, 401);
  assert.equal(
    (await ask(base, '/session', { method: 'POST', headers: { Origin: base }, body: 'x' })).status,
    401,
  );
  assert.equal((await enter(base, token)).status, 200);
  assert.equal((await enter(base, token)).status, 401);
});

// proves: ui: a name that somebody else's DNS gave this address is refused
test('another Host is refused everywhere, and uses up no link', async (t) => {
  const { scene, base, session } = await open(t);
  const { port } = new URL(base);
  const token = tokenOf(scene.link());
  for (const Host of [
    'example.com',
    `example.com:${port}`,
    '192.0.2.7',
    'localhost.example.com',
    '127.0.0.1.example.com',
  ]) {
    const headers = { ...session, Host, Origin: `http://${Host}` };
    for (const path of ['/', '/page.js', '/stream'])
      assert.equal((await ask(base, path, { headers })).status, 421, Host);
    assert.equal((await call(base, headers, 'rules')).status, 421);
    assert.equal((await enter(base, token, { Host, Origin: `http://${Host}` })).status, 421);
  }
  for (const Host of [`localhost:${port}`, '127.0.0.1', 'localhost:8000', '[::1]:8000'])
    assert.equal((await ask(base, '/', { headers: { Host } })).status, 200, Host);
  assert.equal((await enter(base, token)).status, 200);
});

// proves: ui: no other page has the browser ask here
test('a request that another page has the browser make is refused', async (t) => {
  const { scene, base, session } = await open(t);
  const { Origin: _, ...secrets } = session;
  const end = { plugin: 'web', decision_id: 'c1' };
  for (const Origin of ['https://example.com', 'null', 'http://127.0.0.1:1', base.replace('http', 'https')]) {
    assert.equal((await call(base, { ...secrets, Origin }, 'disconnect', end)).status, 403, Origin);
    assert.equal((await ask(base, '/stream', { headers: { ...secrets, Origin } })).status, 403);
    assert.equal((await enter(base, tokenOf(scene.link()), { Origin })).status, 403);
  }
  assert.equal((await call(base, secrets, 'disconnect', end)).status, 403, 'without an origin');
  for (const site of ['cross-site', 'same-site'])
    assert.equal(
      (await ask(base, '/stream', { headers: { ...secrets, 'Sec-Fetch-Site': site } })).status,
      403,
    );
  assert.deepEqual(scene.acts, []);
});

// proves: ui: without edit no rule is added
test('without edit no rule is added, by no way', async (t) => {
  const { scene, base, session } = await open(t);
  const rule = { plugin: 'web', rule: 'new.example.com' };
  for (const [method, params] of [
    ['allow', rule],
    ['preview', rule],
    ['approve', { id: '7', scope: 'rule' }],
  ] as const)
    assert.equal((await call(base, { ...session }, method, params)).status, 403, method);
  assert.deepEqual(scene.acts, []);
  assert.equal((await call(base, { ...session }, 'approve', { id: '7', scope: 'once' })).status, 200);
});

test('with edit a preview says what a rule opens, and why one cannot be written', async (t) => {
  const { scene, base, session } = await open(t, true);
  const preview = async (plugin: string, rule: unknown): Promise<unknown> =>
    JSON.parse((await call(base, { ...session }, 'preview', { plugin, rule })).body);
  assert.deepEqual(await preview('web', '*.example.org'), {
    result: { opens: ['*.example.org:443 (rule "*.example.org")'], closes: [] },
  });
  assert.deepEqual(await preview('web', 'api.example.com'), { result: { opens: [], closes: [] } });
  assert.match(JSON.stringify(await preview('web', 'no rule')), /it is no rule/);
  assert.match(JSON.stringify(await preview('web', 7)), /it is no rule/);
  assert.match(JSON.stringify(await preview('nobody', 'x.example.com')), /no plugin nobody/);
  assert.deepEqual(scene.acts, []);
});

test('what is asked is a method of the page, in a short body, by its HTTP method; each answer forbids other code', async (t) => {
  const { base, session } = await open(t);
  for (const method of ['reload', 'stop', 'replace_broker', 'watch', 'page', '__proto__', ''])
    assert.equal((await call(base, { ...session }, method)).status, 400, method);
  for (const body of ['', '[]', 'null', '{"method":7}', '{'])
    assert.equal(
      (await ask(base, '/call', { method: 'POST', headers: { ...session }, body })).status,
      400,
      body,
    );
  assert.equal((await call(base, { ...session }, 'rules', { x: 1 })).status, 422);
  for (const [path, method, status] of [
    ['/', 'POST', 405],
    ['/call', 'GET', 405],
    ['/x', 'GET', 404],
    ['/__proto__', 'GET', 404],
    ['/page.js?x', 'GET', 404],
    ['/../package.json', 'GET', 404],
  ] as const)
    assert.equal((await ask(base, path, { method, headers: { Origin: base } })).status, status, path);
  for (const path of ['/', '/page.js', '/page.css', '/stream']) {
    const { headers } = await ask(base, path);
    assert.match(
      String(headers['content-security-policy']),
      /default-src 'none'; script-src 'self';.*frame-ancestors 'none'.*trusted-types 'none'/,
    );
    assert.deepEqual([headers['x-content-type-options'], headers['cache-control']], ['nosniff', 'no-store']);
  }
});

// proves: ui: a request is bounded
test('a body without end is cut off', async (t) => {
  const { base, session } = await open(t);
  const sent = await new Promise<number>((resolve) => {
    let bytes = 0;
    const asked = request(`${base}/call`, { method: 'POST', headers: { ...session } });
    const stop = (): void => resolve(bytes);
    asked.on('error', stop).on('close', stop).on('response', stop);
    const more = (): void => {
      if (asked.destroyed || bytes >= 64 * 1024 * 1024) {
        stop();
        return;
      }
      bytes += 64 * 1024;
      asked.write('x'.repeat(64 * 1024), () => setImmediate(more));
    };
    more();
  });
  assert.ok(sent < 64 * 1024 * 1024, `${sent}`);
});
