import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillTemplate, swapPlaceholders } from '../../sandbox/gateway/secrets.js';
import {
  headerProblem,
  readTemplate,
  secretOf,
  secretProblem,
  secretsIn,
} from '../../shared/config/secret-template.js';

const TOKEN = 'postern_placeholder_0123456789';
const SECRET = 'ghs_$&top-secret$1';
const SECRETS = new Map([['github', SECRET]]);
const PLACEHOLDERS = [{ token: TOKEN, secret: 'github', headers: ['authorization', 'x-key'] }];

function swap(name: string, value: string): string | undefined {
  return swapPlaceholders(name, value, PLACEHOLDERS, SECRETS)?.value;
}

test('a template has texts and secrets', () => {
  const read = readTemplate('Bearer {github}.{other}');
  assert.ok(read.ok);
  assert.deepEqual(secretsIn(read.parts), ['github', 'other']);
  assert.equal(
    fillTemplate(
      read.parts,
      new Map([
        ['github', 'A'],
        ['other', 'B'],
      ]),
    ),
    'Bearer A.B',
  );
  assert.equal(fillTemplate(read.parts, SECRETS), undefined);
});

test('a template that cannot be read says why', () => {
  for (const text of ['', 'a\r\nb', '{', 'a}', '{a{b}}', '{}', '{A}', '{a b}', 'caf\u00e9']) {
    assert.equal(readTemplate(text).ok, false, text);
  }
});

// proves: gateway: a secret with a line break is refused
test('a secret with a line break is refused', () => {
  assert.match(secretProblem('abcdefgh\r\nx-evil: 1') ?? '', /more than one line/);
  assert.match(secretProblem('abcdefgh\nijk') ?? '', /more than one line/);
});

test('a secret that is empty, short, long or odd is refused, and no message has it', () => {
  for (const value of [
    '',
    'short',
    'x'.repeat(8193),
    'with\u0000byte',
    'with\u00e9letter',
    ' abcdefgh',
    'abcdefgh ',
  ]) {
    const problem = secretProblem(value);
    assert.ok(problem !== undefined, value);
    assert.ok(value === '' || !problem.includes(value));
  }
  assert.equal(secretProblem('abcd efgh'), undefined);
  assert.equal(secretOf('token\r\n'), 'token');
  assert.equal(secretOf('token\n\n'), 'token\n');
});

test('a placeholder becomes the secret, also in Basic', () => {
  assert.equal(swap('Authorization', `Bearer ${TOKEN}`), `Bearer ${SECRET}`);
  assert.equal(swap('x-key', `${TOKEN},${TOKEN}`), `${SECRET},${SECRET}`);
  const basic = (text: string): string => Buffer.from(text).toString('base64');
  assert.equal(swap('authorization', `Basic ${basic(`user:${TOKEN}`)}`), `Basic ${basic(`user:${SECRET}`)}`);
  assert.equal(swap('authorization', `basic  ${basic(`${TOKEN}:`)}`), `basic  ${basic(`${SECRET}:`)}`);
  const other = `Basic ${basic('user:pass')}`;
  assert.equal(swap('authorization', other), other);
});

// proves: gateway: a placeholder is swapped in the headers that are named
test('a placeholder in another header stays worthless', () => {
  assert.equal(swap('x-echo', TOKEN), TOKEN);
});

test('a placeholder whose secret is missing is not sent', () => {
  assert.equal(swapPlaceholders('x-key', TOKEN, PLACEHOLDERS, new Map()), undefined);
  assert.equal(swapPlaceholders('x-key', 'other', PLACEHOLDERS, new Map())?.value, 'other');
});

test('a header of the gateway itself cannot be set', () => {
  for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'a b', '', 'x\r\ny', ':path'])
    assert.notEqual(headerProblem(name), undefined, name);
  assert.equal(headerProblem('Authorization'), undefined);
});
