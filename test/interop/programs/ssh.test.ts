import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readableFile } from '../../harness/users.js';
import { serverFolder } from '../server.js';
import { login, startSshd } from '../ssh-server.js';
import { BY_ADDRESS, CLOSED, CLOSED_NAME, OPEN_ADDRESSES, PORTS } from './addresses.js';
import { testProgram, useNetwork } from './program.js';

const folder = serverFolder();
const key = readableFile('key', '');
writeFileSync(join(folder, 'greeting'), 'welcome\n', { mode: 0o644 });
const network = useNetwork(async ({ town: inside }) => {
  const command = 'internal-sftp';
  const made = await startSshd({ folder, addresses: OPEN_ADDRESSES, port: PORTS.ssh, command, inside });
  writeFileSync(key, readFileSync(made.key));
  return [made.child];
});

const OPTIONS = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
const options = OPTIONS.map((option) => `-o ${option}`).join(' ');

// ssh takes no key that others may read, if it is the user's own.
const ownKey = `install -m 600 ${key} key`;
const ssh = (host: string): string =>
  `${ownKey} && ssh -F none -p ${PORTS.ssh} -i key ${options} -s ${login}@${host} sftp`;
const byName = { status: 255, says: /Could not resolve hostname closed\.example\.com/ };
const byAddress = { status: 255, says: /connect to host 192\.31\.196\.12 port 2222: Permission denied/ };

testProgram(network, {
  name: 'ssh, by itself and as sftp starts it,',
  ports: [PORTS.ssh],
  visible: () => [key],
  ask: (host) =>
    [
      ownKey,
      `echo 'get ${folder}/greeting' | sftp -b - -F none -P ${PORTS.ssh} -i key ${options} ${login}@${host} >&2`,
      'cat greeting',
    ].join(' && '),
  prints: /^welcome$/m,
  refused: { byName, byAddress },
  // By itself, whose end of the stream is at once.
  alsoDone: [{ command: ssh(BY_ADDRESS.four), prints: /^$/ }],
  alsoRefused: [
    { command: ssh(CLOSED_NAME), ...byName },
    { command: ssh(CLOSED.four), ...byAddress },
  ],
});
