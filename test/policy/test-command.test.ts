import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testCommand, testVectors } from '../../sandbox/cli/test.js';

const folder = mkdtempSync(join(tmpdir(), 'postern-vectors-'));
after(() => rmSync(folder, { recursive: true }));

const vectors = fileURLToPath(new URL('./vectors.json', import.meta.url));

function fileOf(content: string | Uint8Array): string {
  const file = join(folder, 'vectors.json');
  writeFileSync(file, content);
  return file;
}

const right = {
  rules: { allow: ['example.com'], deny: [] },
  request: { host: 'example.com', port: 443 },
  resolved: ['93.184.216.34'],
  expect: 'allow',
};
const wrong = { ...right, request: { host: 'example.com\n', port: 80 } };
const wrongDials = { ...right, dials: ['1.1.1.1'], reason: 'rule' };

test('vectors that all pass give one line and status 0', async () => {
  assert.deepEqual(testVectors(vectors, false), {
    status: 0,
    stdout: `${(JSON.parse(readFileSync(vectors, 'utf8')) as readonly unknown[]).length} passed, 0 failed\n`,
    stderr: '',
  });
});

test('a line for each failed vector, the count last, status 1', async () => {
  const report = testVectors(fileOf(JSON.stringify([right, wrong, wrongDials])), false);
  assert.deepEqual(report, {
    status: 1,
    stdout: [
      'vector 1: "example.com\\n:80": expected allow, got deny (malformed_host)',
      'vector 2: "example.com:443": expected allow (rule) dialling 1.1.1.1, got allow (rule) dialling 93.184.216.34',
      '1 passed, 2 failed',
      '',
    ].join('\n'),
    stderr: '',
  });
});

test('rules that INVALID-RULE says must be refused, and are not, are a failure that says so', async () => {
  const taken = { ...right, why: 'INVALID-RULE', expect: 'deny', request: { host: 'a.example', port: 443 } };
  const { stdout, status } = testVectors(fileOf(JSON.stringify([taken])), false);
  assert.equal(status, 1);
  assert.match(stdout, /^vector 0: "a\.example:443": expected deny by refused rules, got deny \(no_rule\)\n/);
});

test('--json is one object, with each failure in it', async () => {
  const { status, stdout } = testVectors(fileOf(JSON.stringify([right, wrong])), true);
  assert.equal(status, 1);
  const printed = JSON.parse(stdout);
  assert.equal(printed.passed, 1);
  assert.equal(printed.failed, 1);
  assert.deepEqual(printed.failures[0].got.reason, 'malformed_host');
  assert.equal(printed.failures[0].index, 1);
});

test('a file that cannot be read, or is no array of vectors, is status 2 and one line that names it', async () => {
  const cases: [string | Uint8Array, RegExp][] = [
    ['', /is not JSON/],
    ['{', /is not JSON/],
    [Uint8Array.of(0x5b, 0xff, 0x5d), /is not UTF-8/],
    ['{}', /not an array of vectors: .*array/],
    ['null', /not an array of vectors/],
    ['[1]', /not an array of vectors: at "0": /],
    [JSON.stringify([{ ...right, expect: 'yes' }]), /at "0\.expect"/],
    [JSON.stringify([{ ...right, wy: 'typo' }]), /at "0": .*"wy"/],
    [JSON.stringify([right, { ...right, resolved: ['example'] }]), /at "1\.resolved\.0": is not an address/],
  ];
  for (const [content, problem] of cases) {
    const { status, stdout, stderr } = testVectors(fileOf(content), false);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^postern: [^\n]*vectors\.json"[^\n]*\n$/);
    assert.match(stderr, problem);
  }
  for (const [path, problem] of [
    [join(folder, 'missing.json'), 'cannot be read: there is no such file'],
    [folder, 'is not a regular file'],
    ['/dev/zero', 'is not a regular file'],
  ] as const)
    assert.deepEqual(testVectors(path, false), {
      status: 2,
      stdout: '',
      stderr: `postern: The file "${path}" ${problem}\n`,
    });
});

test('the command prints the report and leaves its status as the exit code', async (t) => {
  const printed: string[] = [];
  const pass = process.stdout.write.bind(process.stdout);
  // The reports of the test runner are bytes, and pass unchanged.
  const write = t.mock.method(process.stdout, 'write', (chunk: string | Uint8Array) =>
    typeof chunk === 'string' ? printed.push(chunk) > 0 : pass(chunk),
  );
  const before = process.exitCode;
  try {
    await testCommand().parseAsync([fileOf(JSON.stringify([wrong])), '--json'], { from: 'user' });
    assert.equal(process.exitCode, 1);
  } finally {
    write.mock.restore();
    process.exitCode = before;
  }
  assert.equal(JSON.parse(printed.find((text) => text.startsWith('{')) ?? '').failed, 1);
});
