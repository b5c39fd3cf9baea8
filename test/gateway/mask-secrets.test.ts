import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { maskText, needlesOf, SecretMask } from '../../sandbox/gateway/mask-secrets.js';

const SECRET = 'sk-t0p/secret+"key';
const NEEDLES = needlesOf([SECRET]);

function masked(
  chunks: readonly Buffer[],
  searched?: number,
  needles = NEEDLES,
): { readonly text: string; readonly count: number } {
  const mask = new SecretMask(needles, () => {}, searched);
  const out = [...chunks.map((chunk) => mask.take(Buffer.from(chunk))), mask.end()];
  return { text: Buffer.concat(out).toString('latin1'), count: mask.masked };
}

/** Cuts at places, which may repeat. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

test('a secret is masked in each of its forms, and the length stays', () => {
  const forms = [
    SECRET,
    encodeURIComponent(SECRET),
    encodeURIComponent(SECRET).toLowerCase(),
    encodeURIComponent(SECRET).replace('%2F', '/'),
    JSON.stringify(SECRET),
    JSON.stringify(SECRET).replace('/', '\\/'),
    ...['', 'x', 'xy', 'xyz:'].map((before) => Buffer.from(`${before}${SECRET}:tail`).toString('base64')),
    Buffer.from(`ab${SECRET}`).toString('base64url'),
  ];
  for (const form of forms) {
    const text = `before ${form} behind`;
    const { text: out, count } = masked([Buffer.from(text, 'latin1')]);
    assert.equal(out.length, text.length);
    assert.ok(count > 0, form);
    assert.ok(!out.includes(SECRET) && !out.includes(form), form);
    assert.match(out, /^before .*\*{8}.* behind$/);
  }
});

test('a secret in base64 is masked in JSON and percent-encoded, and so is one that JSON need not escape', () => {
  const secret = "p&w<rd>+'k=`?>~???012345";
  const coded = Buffer.from(`me:${secret}`).toString('base64');
  assert.match(coded, /\+/);
  assert.match(coded, /\//);
  const forms = [
    coded.replaceAll('/', '\\/'),
    coded.replaceAll('+', '\\u002B'),
    encodeURIComponent(coded),
    "p\\u0026w\\u003crd\\u003e+'k=`?\\u003e~???012345",
    'p\\u0026w\\u003crd\\u003e+\\u0027k\\u003d`?\\u003e~???012345',
    'p\\u0026w\\u003Crd\\u003E\\u002B\\u0027k=\\u0060?\\u003E~???012345',
  ];
  for (const form of forms) {
    const { text } = maskText(form, needlesOf([secret]));
    assert.match(text, /^(?:bWU6)?\*+(?:=|%3D)*$/, form);
  }
});

// proves: gateway: a secret across two chunks is masked
test('a secret is masked wherever the chunks end', () => {
  const whole = Buffer.from(`aa${SECRET}sk-t0${SECRET}${SECRET.slice(0, 5)}`, 'latin1');
  const expected = masked([whole]);
  assert.equal(expected.count, 2);
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length), { maxLength: 9 }), (places) => {
      assert.deepEqual(masked(cut(whole, places)), expected);
    }),
  );
  assert.deepEqual(masked([...whole].map((byte) => Buffer.of(byte))), expected);
});

test('a secret that begins as another one is masked whole, wherever the chunks end', () => {
  const long = `${SECRET}:and-more`;
  const needles = needlesOf([SECRET, long]);
  const whole = Buffer.from(`a ${long} b ${SECRET} c`, 'latin1');
  const expected = `a ${'*'.repeat(long.length)} b ${'*'.repeat(SECRET.length)} c`;
  for (let end = 0; end < whole.length; end += 1) {
    const got = masked([whole.subarray(0, end), whole.subarray(end)], undefined, needles);
    assert.deepEqual(got, { text: expected, count: 2 });
  }
});

// proves: gateway: what is held back depends on no secret
test('what is held back is as long for a right guess as for a wrong one', () => {
  const passed = (guess: string): number =>
    new SecretMask(NEEDLES, () => {}).take(Buffer.from(`${'x'.repeat(50)}${guess}`)).length;
  for (let length = 1; length < SECRET.length; length += 1)
    assert.equal(passed(SECRET.slice(0, length)), passed('~'.repeat(length)));
});

test('what is held back goes on if nothing follows', async () => {
  const late = new Promise<string>((resolve) => {
    const mask = new SecretMask(NEEDLES, (bytes) => resolve(bytes.toString()));
    assert.equal(mask.take(Buffer.from('a\ntask')).toString(), 'a\n');
    mask.wait();
  });
  assert.equal(await late, 'task');
});

// proves: gateway: a busy gateway takes nothing for silence
test('what came while the gateway had other work is read before anything held back goes on', async () => {
  const late: string[] = [];
  const mask = new SecretMask(NEEDLES, (bytes) => late.push(bytes.toString()));
  const { port1: upstream, port2: gateway } = new MessageChannel();
  const passed = once(gateway, 'message').then(([rest]) => mask.take(Buffer.from(String(rest))).toString());
  mask.take(Buffer.from(SECRET.slice(0, 9)));
  mask.wait();
  upstream.postMessage(`${SECRET.slice(9)}\n`);
  for (const end = performance.now() + 300; performance.now() < end; );
  assert.equal(await passed, `${'*'.repeat(SECRET.length)}\n`);
  assert.deepEqual(late, []);
  gateway.close();
});

test('a line goes on at once: no secret has its end', () => {
  const mask = new SecretMask(NEEDLES, () => {});
  assert.equal(mask.take(Buffer.from('data: 1\n\n')).toString(), 'data: 1\n\n');
  assert.equal(mask.take(Buffer.from('data: 2\nmore')).toString(), 'data: 2\n');
  assert.equal(mask.take(Buffer.from('!\n')).toString(), 'more!\n');
  assert.equal(mask.end().length, 0);
});

test('what comes behind the searched part passes, and a secret that began there does not', () => {
  const text = `${'a'.repeat(95)}${SECRET}${'b'.repeat(50)}${SECRET}`;
  const expected = `${'a'.repeat(95)}${'*'.repeat(SECRET.length)}${'b'.repeat(50)}${SECRET}`;
  const bytes = [...text].map((letter) => Buffer.from(letter, 'latin1'));
  assert.equal(masked(bytes, 100).text, expected);
  // One that begins with the last letter that is searched.
  assert.equal(masked(bytes, 96).text, expected);
});

test('a text without a secret is the same, and one with it is masked', () => {
  assert.deepEqual(maskText('caf\u00e9', NEEDLES), { text: 'caf\u00e9', masked: 0 });
  assert.equal(maskText(`a=${SECRET}`, NEEDLES).text, `a=${'*'.repeat(SECRET.length)}`);
});

test('other bytes are not changed', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.nat(200), { maxLength: 5 }),
      (bytes, places) => {
        const whole = Buffer.from(bytes);
        assert.equal(masked(cut(whole, places)).text, whole.toString('latin1'));
      },
    ),
  );
});
