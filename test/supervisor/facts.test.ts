import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSubordinateIds } from '../../sandbox/host/id-range.js';
import { namespacesFailure } from '../../sandbox/host/namespaces-failure.js';
import { requireLinux } from '../../sandbox/host/require-linux.js';
import { boundPaths, refuseVisibleSockets } from '../../sandbox/supervisor/root/visible-sockets.js';
import { pluginEnvironment } from '../../sandbox/supervisor/start/plugin-environment.js';
import { parseHostPort } from '../../shared/config/parse-host-port.js';

const TABLE = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17265 /run/service.sock
0000000000000000: 00000002 00000000 00010000 0001 01 17266 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03 17267
0000000000000000: 00000002 00000000 00000000 0002 01 17268 /srv/with space/log
`;

test('boundPaths() reads pathname sockets, spaces included, and no others', () => {
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

test('parseSubordinateIds() finds the entry for postern and no other', () => {
  assert.deepEqual(parseSubordinateIds('root:1:2\npostern:200000:131072\n'), {
    base: 200_000,
    count: 131_072,
  });
  assert.equal(parseSubordinateIds('posternx:200000:131072\npostern:x:1\n'), undefined);
});

test('parseHostPort() reads HOST:PORT and refuses the rest', () => {
  assert.deepEqual(parseHostPort('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseHostPort('[::1]:0'), { host: '::1', port: 0 });
  for (const bad of ['9464', ':9464', '::1:9464', 'a:b', '127.0.0.1:70000', ''])
    assert.equal(parseHostPort(bad), undefined, bad);
});

test('pluginEnvironment() passes certificate variables only where their file shows', () => {
  const outside = { SSL_CERT_FILE: '/etc/ssl/cert.pem', AWS_SECRET: 'x', POSTERN_OTHER: 'x' };
  const channel = { request: 3, reply: 4, listeners: [] };
  assert.ok(pluginEnvironment(outside, {}, () => true, channel).includes('SSL_CERT_FILE=/etc/ssl/cert.pem'));
  const hidden = pluginEnvironment(outside, {}, () => false, channel);
  assert.ok(!hidden.some((entry) => /SSL_CERT_FILE|AWS_SECRET|POSTERN_OTHER/.test(entry)));
});

test('requireLinux() refuses a kernel before 5.14 and takes 5.14', () => {
  assert.throws(() => requireLinux('5.13.19-generic'), { code: 'old_kernel' });
  requireLinux('5.14.0');
  requireLinux('6.1.0-13-amd64');
});

test('namespacesFailure() names a fix for what unshare says', () => {
  assert.match(namespacesFailure('spawn unshare ENOENT').fix ?? '', /util-linux/);
  assert.match(namespacesFailure("unshare: unrecognized option '--keep-caps'").fix ?? '', /2\.36/);
  assert.match(
    namespacesFailure('unshare: unshare failed: Operation not permitted').fix ?? '',
    /user namespaces/,
  );
});
