import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundPaths, refuseVisibleSockets } from '../../../sandbox/supervisor/root/visible-sockets.js';

const TABLE = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17265 /run/service.sock
0000000000000000: 00000002 00000000 00010000 0001 01 17266 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03 17267
0000000000000000: 00000002 00000000 00000000 0002 01 17268 /srv/with space/log
`;

test('boundPaths() lists sockets with a path, also with spaces, and no others', () => {
  assert.deepEqual(boundPaths(TABLE), ['/run/service.sock', '/srv/with space/log']);
});

test('refuseVisibleSockets() refuses a socket below a visible path, and not beside it', () => {
  const source = (path: string, hidden?: string): Parameters<typeof refuseVisibleSockets>[0] => ({
    sources: [{ path, because: `--visible ${path}` }],
    hiddenBy: (socket) => (socket === hidden ? `--hidden ${hidden}` : undefined),
  });
  assert.throws(() => refuseVisibleSockets(source('/srv'), undefined, TABLE), /"\/srv\/with space\/log"/);
  assert.throws(() => refuseVisibleSockets(source('/run/service.sock'), undefined, TABLE), /service\.sock/);
  refuseVisibleSockets(source('/srv/with'), undefined, TABLE);
  refuseVisibleSockets(source('/run/service'), undefined, TABLE);
  refuseVisibleSockets(source('/run', '/run/service.sock'), undefined, TABLE);
  assert.throws(() => refuseVisibleSockets(source('/run', '/run/other'), undefined, TABLE), {
    fix: /hide its folder with --hidden \/run,/,
  });
});
