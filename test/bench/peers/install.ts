// npm run bench:peers: installs the programs that the bench compares postern with. Exit status: 0, or 2 if this user cannot install them.
import { mkdirSync } from 'node:fs';
import { command } from '../../machines/command.js';
import { DEBIAN_PACKAGES, NPM_PEERS, SANDBOX_RUNTIME } from './peer-packages.js';

const debian = ['apt-get', 'install', '-y', '--no-install-recommends', ...DEBIAN_PACKAGES];
// It asks for a newer Node than postern does, and starts a program on an older one too.
const npm = [
  ...['npm', 'install', '--no-audit', '--no-fund', '--engine-strict=false'],
  ...['--prefix', NPM_PEERS, SANDBOX_RUNTIME],
];
const say = (words: readonly string[]): void => console.error(words.join(' '));

mkdirSync(NPM_PEERS, { recursive: true });
say(npm);
await command(npm, { seconds: 300 });
if (process.geteuid?.() !== 0) {
  console.error(`Only root can install the other peers: ${debian.join(' ')}`);
  process.exit(2);
}
// invoke-rc.d(8): in runlevel 1 an installation starts no service.
process.env['RUNLEVEL'] = '1';
for (const words of [['apt-get', 'update'], debian]) {
  say(words);
  await command(words, { seconds: 900 });
}
