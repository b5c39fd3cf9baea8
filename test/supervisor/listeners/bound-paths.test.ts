import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundPaths } from '../../../sandbox/supervisor/listeners/socket-place.js';

const TABLE = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17265 /run/service.sock
0000000000000000: 00000002 00000000 00010000 0001 01 17266 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03 17267
0000000000000000: 00000002 00000000 00000000 0002 01 17268 /srv/with space/log
`;

test('boundPaths() lists sockets with a path, also with spaces, and no others', () => {
  assert.deepEqual(boundPaths(TABLE), ['/run/service.sock', '/srv/with space/log']);
});
