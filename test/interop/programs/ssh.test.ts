import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readableFile } from '../../harness/users.js';
import { serverFolder } from '../server.js';
import { login, missingSshd, startSshd } from '../ssh-server.js';
import { OPEN_ADDRESSES, PORTS } from './addresses.js';
import { missing, testProgram, useNetwork } from './program.js';

const needSsh = missingSshd ?? missing({ ssh: 'openssh-client', sftp: 'openssh-client' });
const folder = serverFolder();
const key = readableFile('key', '');
writeFileSync(join(folder, 'greeting'), 'welcome\n', { mode: 0o644 });
const network = useNetwork(async ({ town: inside }) => {
  if (needSsh !== undefined) return [];
  const command = 'internal-sftp';
  const made = await startSshd({ folder, addresses: OPEN_ADDRESSES, port: PORTS.ssh, command, inside });
  writeFileSync(key, readFileSync(made.key));
  return [made.child];
});

const OPTIONS = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
const options = OPTIONS.map((option) => `-o ${option}`).join(' ');

testProgram(network, {
  name: 'ssh, as sftp starts it,',
  missing: needSsh,
  ports: [PORTS.ssh],
  visible: () => [key],
  // ssh takes no key that others may read, if it is the user's own.
  ask: (host) =>
    [
      `install -m 600 ${key} key`,
      `echo 'get ${folder}/greeting' | sftp -b - -F none -P ${PORTS.ssh} -i key ${options} ${login}@${host} >&2`,
      'cat greeting',
    ].join(' && '),
  prints: /^welcome$/m,
  refused: {
    byName: { status: 255, says: /Could not resolve hostname closed\.example\.com/ },
    byAddress: { status: 255, says: /connect to host 192\.31\.196\.12 port 2222: Permission denied/ },
  },
});
