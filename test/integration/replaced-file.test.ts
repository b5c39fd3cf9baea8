// Files of the system are replaced while plugins start: a package's installation replaces, for example, /etc/ld.so.cache.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';

const isRoot = process.geteuid?.() === 0;
const STARTS = 5;
/** In the test's own mount namespace, whose /etc is a copy. One of its files is replaced all the time. */
const REPLACING = `
mkdir /tmp/postern-etc.$$ && cp -a /etc/. /tmp/postern-etc.$$ 2>/dev/null; mount --bind /tmp/postern-etc.$$ /etc || exit 9
(while :; do cp /etc/ld.so.cache /etc/new && mv /etc/new /etc/ld.so.cache; done) 2>/dev/null &
"$@"; status=$?; kill $!; wait; umount -l /etc; rm -r /tmp/postern-etc.$$; exit $status`;

test('a plugin starts while a file that it sees is replaced', {
  skip: isRoot ? false : 'needs root, to replace a file of /etc',
}, async () => {
  for (let start = 0; start < STARTS; start += 1) {
    const { status, stderr } = await postern(['run', '--', 'true'], {
      as: 'root',
      inside: ['unshare', '--mount', '--', 'sh', '-c', REPLACING, 'sh'],
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  }
});
