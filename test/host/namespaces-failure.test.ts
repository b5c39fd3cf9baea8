import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespacesFailure } from '../../sandbox/host/namespaces-failure.js';

test('namespacesFailure() names a fix for what unshare says', () => {
  assert.match(namespacesFailure('spawn unshare ENOENT').fix ?? '', /util-linux/);
  assert.match(namespacesFailure("unshare: unrecognized option '--keep-caps'").fix ?? '', /2\.36/);
  assert.match(
    namespacesFailure('unshare: unshare failed: Operation not permitted').fix ?? '',
    /user namespaces/,
  );
});
