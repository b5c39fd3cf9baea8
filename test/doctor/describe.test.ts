import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeExamination, toJson } from '../../sandbox/doctor/describe.js';
import { examine } from '../../sandbox/doctor/examine.js';
import { DOCKER, GOOD, KUBERNETES, MADE, MASKED, MOUNTS, NO_NAMESPACES } from './good-host.js';

test('describeExamination() aligns the lines, indents the fixes, and counts the missing requirements', () => {
  const good = describeExamination(examine(GOOD, MADE), false).trimEnd().split('\n');
  assert.equal(good.at(-1), 'This host can run postern');
  assert.equal(good[0], 'ok        kernel              linux 6.1.0-13-amd64');
  const bad = examine(
    { ...GOOD, shell: false, release: '5.10.0', landlock: 0 },
    { sandbox: { failure: { message: 'Cannot start' } } },
  );
  const lines = describeExamination(bad, false).trimEnd().split('\n');
  assert.deepEqual(lines.slice(0, 2), [
    'missing   kernel              linux 5.10.0 (needed: linux 5.14 or newer)',
    '              Boot Linux 5.14 or newer.',
  ]);
  assert.equal(lines.at(-1), 'This host cannot run postern yet: 2 requirements are missing');
  const one = describeExamination(examine({ ...GOOD, shell: false }, MADE), false);
  assert.match(one, /This host cannot run postern yet: 1 requirement is missing\n$/);
  assert.doesNotMatch(one, /\u001b/);
  assert.match(describeExamination(bad, true), /^\u001b\[31mmissing {3}\u001b\[0mkernel/);
});

test('describeExamination() ends with the container options that are needed, and prints a long fix once', () => {
  const facts = { ...GOOD, ...NO_NAMESPACES, seccompMode: 2, container: DOCKER, mountInfo: MASKED };
  const examination = examine(facts, MADE);
  const options = '--security-opt seccomp=postern-seccomp.json --security-opt systempaths=unconfined';
  const lines = describeExamination(examination, false).trimEnd().split('\n');
  assert.equal(lines.at(-2), `container options: ${options}`);
  assert.equal(lines.at(-1), 'This host cannot run postern yet: 2 requirements are missing');
  assert.equal(lines.filter((line) => line.includes('Start the container')).length, 1);
  assert.ok(lines.includes('              As for "user namespaces".'));
  const { container } = JSON.parse(toJson(examination)) as { container: Record<string, unknown> };
  assert.deepEqual(Object.keys(container), ['kind', 'sign', 'options', 'fix']);
  assert.deepEqual([container['kind'], container['options']], ['docker', options.split(' ')]);
  const fewIds = { ...facts, root: true, uidMap: '0 100000 65536\n', gidMap: '0 100000 65536\n' };
  const asUser = examine(fewIds, MADE).container;
  assert.deepEqual(asUser?.options, [...options.split(' '), '--user', '1000:1000']);
  assert.match(asUser.fix, /Start the container.*Start postern as an ordinary user/s);
  assert.deepEqual(
    examine({ ...GOOD, ...fewIds, seccompMode: 0, mountInfo: MOUNTS }, MADE).container?.options,
    ['--user', '1000:1000'],
  );
  const other = examine({ ...facts, container: KUBERNETES }, MADE);
  assert.doesNotMatch(describeExamination(other, false), /container options/);
  assert.equal((JSON.parse(toJson(other)) as typeof other).container?.options, null);
  for (const fine of [
    examine({ ...GOOD, container: DOCKER, seccompMode: 2 }, MADE),
    examine({ ...GOOD, container: DOCKER, seccompMode: 2, shell: false }, MADE),
  ]) {
    assert.doesNotMatch(describeExamination(fine, false), /container options/);
    assert.equal((JSON.parse(toJson(fine)) as { container: unknown }).container, null);
  }
});

test('toJson() is one object with every field of every check', () => {
  const parsed = JSON.parse(toJson(examine({ ...GOOD, shell: false }, MADE))) as {
    ok: boolean;
    checks: Record<string, unknown>[];
  };
  assert.equal(parsed.ok, false);
  for (const entry of parsed.checks)
    assert.deepEqual(Object.keys(entry), ['name', 'state', 'found', 'needed', 'fix']);
  assert.deepEqual(
    parsed.checks.find(({ name }) => name === '/bin/sh'),
    {
      name: '/bin/sh',
      state: 'missing',
      found: 'missing, or not executable',
      needed: 'a POSIX shell',
      fix: 'Put a POSIX shell there: as a link, to dash, bash or busybox.',
    },
  );
});
