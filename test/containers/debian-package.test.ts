// The Debian package where neither systemd nor AppArmor is. The image has what the package depends on, so nothing is fetched.
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildDeb } from '../deploy/build-deb.js';
import { PATIENCE } from '../harness/patience.js';
import { readableFolder } from '../harness/users.js';
import { image } from './image.js';
import { noContainers, type Outcome, run } from './podman.js';

const CONFIG = '/etc/postern/postern.yaml';
let name = '';
const shared = readableFolder();

before(
  async () => {
    if (noContainers !== false) return;
    name = await image();
    copyFileSync(buildDeb(readableFolder()), join(shared, 'postern.deb'));
  },
  { timeout: 240_000 * PATIENCE },
);

/** Without the package of npm that the image has. A machine's root may mount. */
function asRoot(script: string): Promise<Outcome> {
  const begin = 'set -eu; rm -r /usr/local/bin/postern /usr/local/lib/node_modules/postern; cd /tmp';
  const options = ['--user', '0:0', '--entrypoint', 'sh', '--cap-add', 'SYS_ADMIN'];
  const open = ['seccomp=unconfined', 'unmask=ALL', 'apparmor=unconfined'].flatMap((one) => [
    '--security-opt',
    one,
  ]);
  const deb = ['--volume', `${shared}:/deb:ro`];
  return run(['podman', 'run', '--rm', ...options, ...open, ...deb, name, '-c', `${begin}\n${script}`]);
}

/** What a package could leave behind. */
const TRACES = `traces() {
  find /etc /usr /var /run /opt /srv /home -xdev ! -path '/var/lib/dpkg/*' ! -path '/var/log/dpkg*' | sort
  cat /etc/subuid /etc/subgid
}
touch /etc/subuid /etc/subgid
traces >/tmp/before
`;
const PURGED = `dpkg --purge postern
traces | diff /tmp/before - && echo 'nothing is left'`;

test('the package is installed, runs, is upgraded and purged without systemd and AppArmor, its file too', {
  skip: noContainers,
}, async () => {
  const { status, stdout, stderr } = await asRoot(`${TRACES}
for path in /run/systemd /usr/bin/systemctl /usr/sbin/apparmor_parser; do test ! -e $path; done
dpkg --install /deb/postern.deb
command -v postern
postern check ${CONFIG}
postern run -- echo 'root runs it'
setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/tmp postern run -- echo 'a user runs it'
sed -n '/postrotate/,/endscript/{//!p}' /etc/logrotate.d/postern | sh -ex
dpkg-deb --raw-extract /deb/postern.deb next
sed -i 's/^Version: .*/Version: 999-1/' next/DEBIAN/control
dpkg-deb --build next next.deb
dpkg --install next.deb
grep -c ^postern: /etc/subuid
postern run -- echo 'the next runs it'
dpkg --remove postern
test ! -e /usr/bin/postern && test -e ${CONFIG}
${PURGED}`);
  assert.equal(status, 0, stdout + stderr);
  const lines = [
    '/usr/bin/postern',
    'root runs it',
    'a user runs it',
    '1',
    'the next runs it',
    'nothing is left',
  ];
  for (const line of lines) assert.ok(stdout.split('\n').includes(line), `${line}\n${stdout}${stderr}`);
});

test('the package works where /usr is read-only from then on', { skip: noContainers }, async () => {
  const { status, stdout, stderr } = await asRoot(`dpkg --install /deb/postern.deb
mount -o bind /usr /usr && mount -o remount,bind,ro /usr
! touch /usr/x
postern run -- echo 'root runs it'
setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/tmp postern run -- echo 'a user runs it'
postern doctor
postern up ${CONFIG} & up=$!
until postern status 2>&1 | grep '^example  *running'; do kill -0 $up; sleep 1; done
kill $up
wait $up`);
  assert.equal(status, 0, stdout + stderr);
  for (const line of [
    /^root runs it$/m,
    /^a user runs it$/m,
    /^This host can run postern$/m,
    /^example +running/m,
  ])
    assert.match(stdout, line, stderr);
});

test('the package is installed and purged in a chroot that has the /run of a machine with systemd', {
  skip: noContainers,
}, async () => {
  const { status, stdout, stderr } = await asRoot(`mkdir -p /run/systemd/system
${TRACES}
dpkg --install /deb/postern.deb
${PURGED}`);
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^nothing is left$/m);
});
