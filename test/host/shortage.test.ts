import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { namespacesFailure } from '../../sandbox/host/namespaces-failure.js';
import { isShortage, shortageOf } from '../../sandbox/host/shortage.js';
import { PosternError } from '../../shared/errors.js';
import { SystemError } from '../../shared/sys/libc.js';

test('a shortage names what, for whom, the call that failed, and the fix', () => {
  const error = shortageOf(new SystemError('pipe2', constants.errno.EMFILE), '"web"');
  assert.match(
    error?.message ?? '',
    /^Cannot start "web": postern may open no more than \d+ descriptors \(pipe2: EMFILE\)$/,
  );
  assert.match(error?.fix ?? '', /"ulimit -n", or LimitNOFILE=/);
  assert.ok(isShortage(error));
});

test('a process that cannot be made is a shortage, in the words of Node and of each shell', () => {
  for (const words of [
    'spawn unshare EAGAIN',
    'sh: 1: Cannot fork',
    "/bin/sh: can't fork: Resource temporarily unavailable",
    'bash: fork: retry: Resource temporarily unavailable',
    'unshare: fork failed: Resource temporarily unavailable',
  ]) {
    const error = shortageOf(namespacesFailure(words), '"web"');
    assert.match(error?.message ?? '', /no further process or thread/, words);
    assert.match(error?.fix ?? '', /"ulimit -u"/, words);
  }
});

test('other failures are no shortage', () => {
  let missing: unknown;
  try {
    openSync('/nonexistent', 'r');
  } catch (error) {
    missing = error;
  }
  for (const error of [
    missing,
    new Error('pipe2: EMFILE'),
    namespacesFailure('unshare: unshare failed: Operation not permitted'),
    // The program itself could not be run in the memory that its limits leave to it.
    new PosternError('launch_failed', 'Cannot run "x": ENOMEM', { fields: { cause: 'ENOMEM' } }),
  ])
    assert.equal(shortageOf(error, '"web"'), undefined, String(error));
});
