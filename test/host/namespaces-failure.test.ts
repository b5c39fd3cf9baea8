import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespacesFailure } from '../../sandbox/host/namespaces-failure.js';

test('namespacesFailure() names the fix for each message of unshare', () => {
  assert.match(namespacesFailure('spawn unshare ENOENT').fix ?? '', /util-linux/);
  assert.match(namespacesFailure("unshare: unrecognized option '--keep-caps'").fix ?? '', /2\.36/);
  assert.match(
    namespacesFailure('unshare: unshare failed: Operation not permitted').fix ?? '',
    /user namespaces/,
  );
});
