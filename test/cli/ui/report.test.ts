// A report as a page: of a log that a real run wrote, and of one with hostile names, in a browser.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Summarizer } from '../../../sandbox/page/summarize.js';
import { anyUser } from '../../harness/asked.js';
import { listen } from '../../harness/listener.js';
import { postern } from '../../harness/postern.js';
import { chownTo, readableFolder } from '../../harness/users.js';
import { LOOKS, requireAccessible, TestBrowser } from './browser.js';
import { decision, denial, MARKUP, REVERSED, request } from './page-scene.js';

const browser = new TestBrowser();
const [own = 'user'] = anyUser;

test('a report shows hostile names as text, runs nothing, and is accessible', async () => {
  const folder = readableFolder();
  chownTo(own, folder);
  const log = join(folder, 'a.log');
  const lines = [
    ...Array.from({ length: 30 }, () => decision({})),
    ...[
      denial(MARKUP),
      denial(REVERSED),
      denial('new.example.com'),
      denial('api.example.com', { decision: 'would_deny' }),
    ],
    ...[request('/repos/example'), request(`/${MARKUP}`, { decision: 'deny', status: 403, rule: null })],
    { event: 'gap', ts: '2026-01-15T09:30:01.000Z', events: 7, from: 'a', to: 'b' },
  ];
  writeFileSync(
    log,
    `${lines.map((line) => JSON.stringify(line)).join('\n')}\nno event\n{"event":"decision","ts":"x"}\n`,
  );
  const path = join(folder, 'a.html');
  const { status, stderr } = await postern(['report', '--html', path, '--log', log], { as: own });
  assert.equal(status, 0, stderr);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const html = readFileSync(path, 'utf8');
  assert.doesNotMatch(html, /<script|<img|https?:\/\/|\u202e/);
  for (const look of LOOKS) {
    const { page, errors } = await browser.open(look);
    await page.goto(`file://${path}`);
    const text = (await page.locator('main').textContent()) ?? '';
    for (const shown of [
      MARKUP,
      'moc.elpmaxe\\u202e',
      '36 events',
      '7 events are missing',
      '"new.example.com"',
    ])
      assert.ok(text.includes(shown), `${shown}: ${text}`);
    await requireAccessible(page, `report-${look.scheme}-${look.width}`);
    assert.deepEqual(errors, []);
  }
});

for (const user of anyUser)
  test(`the page of a run and of learn has destinations with bytes, refusals with rules, and the rules (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const echo = await listen((socket) => socket.end('hello'));
    t.after(() => echo.close());
    const program = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while s.recv(9): pass
s.close()
for place in ("192.0.2.7", 99), ("tracker.example.net", 80):
    try: socket.create_connection(place)
    except OSError: pass
`;
    const command = ['--', '/usr/bin/python3', '-c', program, String(echo.port)];
    const where = { as: user, cwd: folder };
    const allow = ['--allow', `127.0.0.1:${echo.port}`];
    await postern(['run', '--audit', 'run.log', ...allow, ...command], where);
    const { status, stderr } = await postern(['report', '--html', 'run.html', '--log', 'run.log'], where);
    assert.equal(status, 0, stderr);
    const { page } = await browser.open();
    // A file of the user: the browser is root's.
    await page.setContent(readFileSync(join(folder, 'run.html'), 'utf8'));
    const row = async (word: string): Promise<string> =>
      (await page.locator('tr', { hasText: word }).first().textContent()) ?? '';
    assert.match(await row(`127.0.0.1:${echo.port}`), /^python3127\.0\.0\.1:\d+1005/);
    assert.match(await row('192.0.2.7:99'), /no_rule"192\.0\.2\.7:99"/);
    assert.match(await row('tracker.example.net'), /no_rule"tracker\.example\.net"/);
    const learnt = await postern(['learn', '--html', 'learnt.html', ...allow, ...command], where);
    assert.match(learnt.stderr, /the page is in "learnt\.html"/);
    await page.setContent(readFileSync(join(folder, 'learnt.html'), 'utf8'));
    // None of these addresses is public, so nothing is learnt.
    assert.match((await page.locator('main').textContent()) ?? '', /Learnt rulesNone: .*"192\.0\.2\.7:99"/);
  });

test('a summary of more than a report has room for is bounded, and says so', () => {
  const summarizer = new Summarizer();
  for (let number = 0; number < 10_000; number += 1) summarizer.take(denial(`h${number}.example.com`));
  for (let hour = 0; hour < 2_000; hour += 1)
    summarizer.take(
      decision({
        host: `h${hour}.example.com`,
        ...{ ts: new Date(Date.UTC(2026, 1, 1, hour)).toISOString() },
      }),
    );
  const { refusals, destinations, timeline, events } = summarizer.summary;
  assert.deepEqual(
    [events, refusals.rows.length, refusals.more, destinations.rows.length],
    [12_000, 1_000, 9_000, 1_000],
  );
  assert.ok(timeline.length <= 120);
  assert.equal(
    timeline.reduce((sum, { allowed, refused }) => sum + allowed + refused, 0),
    12_000,
  );
});

test('report refuses a log without a page, and a log that is none', async () => {
  const folder = readableFolder();
  chownTo(own, folder);
  const wrong = await postern(['report', '--log', 'x'], { as: own, cwd: folder });
  assert.match(wrong.stderr, /--log names the log of --html/);
  const missing = await postern(['report', '--html', 'x.html', '--log', 'absent'], {
    as: 'root',
    cwd: folder,
  });
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /ENOENT/);
});
