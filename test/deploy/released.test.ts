// What a release makes: the packages for npm and for Debian, an SBOM, and their sums, made once and looked at. What the Debian package's scripts do is shown in
// a container without systemd (test/containers), and in a machine with it: docs/hosts.md.
// needs: lintian, apparmor
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { parseSubordinateIds } from '../../sandbox/host/id-range.js';
import { VERSION } from '../../shared/bundles.js';
import { anyUser } from '../harness/asked.js';
import { asUser, distFor, readableFolder } from '../harness/users.js';
import { runIn } from './build-deb.js';

const top = join(distFor('root'), '..');
const work = readableFolder();
/** What the release made. */
const folder = join(work, 'made');
/** The files of the Debian package. */
const root = join(work, 'root');
mkdirSync(folder);
const run = (...words: readonly string[]): string => runIn(folder, ...words);
let deb = '';

before(() => {
  run(join(top, 'deploy/release.sh'), 'make', folder);
  deb = `postern_${VERSION}-1_${run('dpkg', '--print-architecture').trim()}.deb`;
  run('dpkg-deb', '--raw-extract', deb, root);
});

test('the packages, the SBOM, their sums; and npm would publish it', () => {
  const names = [`postern-${VERSION}.cdx.json`, `postern-${VERSION}.tgz`, deb];
  assert.deepEqual(readdirSync(folder).sort(), ['SHA256SUMS', ...names]);
  const sums = names.map((name) => {
    const sum = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    return `${sum}  ${name}\n`;
  });
  assert.equal(readFileSync(join(folder, 'SHA256SUMS'), 'utf8'), sums.join(''));
  const sbom = JSON.parse(readFileSync(join(folder, `postern-${VERSION}.cdx.json`), 'utf8'));
  assert.deepEqual(
    [sbom.bomFormat, sbom.metadata.component.purl, sbom.metadata.component.name],
    ['CycloneDX', `pkg:npm/postern@${VERSION}`, 'postern'],
  );
  const listed = (sbom.components as readonly { name: string }[]).map(({ name }) => name);
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => !listed.includes(name)),
    [],
  );
  assert.deepEqual(
    Object.keys(devDependencies).filter((name) => listed.includes(name)),
    [],
  );
  const words = ['publish', '--loglevel=notice', '--dry-run', '--offline', join(folder, names[1] ?? '')];
  const published = spawnSync('npm', words, { cwd: folder, encoding: 'utf8' });
  assert.equal(published.stdout, `+ postern@${VERSION}\n`, published.stderr);
});

test('lintian finds no error', () => {
  const { stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'none', deb], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.deepEqual(
    stdout.split('\n').filter((line) => line.startsWith('E:')),
    [],
  );
});

test('what it needs, and what the administrator may change', () => {
  assert.match(run('dpkg-deb', '--field', deb, 'Depends'), /^nodejs \(>= 20\), libseccomp2, libcap-ng0, /);
  assert.deepEqual(readFileSync(join(root, 'DEBIAN/conffiles'), 'utf8').split('\n'), [
    '/etc/apparmor.d/postern',
    '/etc/logrotate.d/postern',
    '/etc/postern/postern.yaml',
    '',
  ]);
});

test('it has the command, units, man pages and completions', () => {
  const paths = run('find', root, '-type', 'f', '-o', '-type', 'l')
    .split('\n')
    .map((path) => path.slice(root.length));
  for (const path of [
    '/usr/bin/postern',
    '/usr/lib/systemd/system/postern.service',
    '/usr/lib/systemd/system/postern@.service',
    '/usr/lib/tmpfiles.d/postern.conf',
    '/usr/share/man/man1/postern-run.1.gz',
    '/usr/share/man/man5/postern.yaml.5.gz',
    '/usr/share/bash-completion/completions/postern',
    '/usr/share/zsh/vendor-completions/_postern',
    '/usr/share/fish/vendor_completions.d/postern.fish',
    '/usr/share/doc/postern/docs/config.md',
  ])
    assert.ok(paths.includes(path), path);
});

for (const user of anyUser) {
  test(`the installed command runs a program, and its file is right (${user})`, () => {
    const command = [...asUser(user), join(root, 'usr/bin/postern')];
    assert.equal(run(...command, 'run', '--', 'echo', 'it runs'), 'it runs\n');
    const config = join(root, 'etc/postern/postern.yaml');
    const { status, stdout } = spawnSync(command[0] ?? '', [...command.slice(1), 'check', config], {
      encoding: 'utf8',
    });
    // Only root may write the log of the file.
    assert.match(stdout, /1 plugin, 2 rules|\/var\/log\/postern/, `${status}`);
  });
}

test('the range of ids that it reserves is the one that postern takes by default', () => {
  const script = readFileSync(join(root, 'DEBIAN/postinst'), 'utf8');
  const [, entry = ''] = /echo '(postern:\d+:\d+)'/.exec(script) ?? [];
  const range = parseSubordinateIds(`${entry}\n`);
  assert.deepEqual(range, { base: 0x7000_0000, count: 0x1000_0000 });
  for (const name of ['postinst', 'prerm', 'postrm']) run('sh', '-n', join(root, 'DEBIAN', name));
});

test('AppArmor reads the profile, which is for this command alone', () => {
  const profile = join(root, 'etc/apparmor.d/postern');
  run('/usr/sbin/apparmor_parser', '--skip-kernel-load', '--skip-cache', profile);
  assert.match(
    readFileSync(profile, 'utf8'),
    /^profile postern \/usr\/lib\/postern\/dist\/run\/postern\.js /m,
  );
});
