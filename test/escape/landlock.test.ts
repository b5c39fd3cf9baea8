// The second layer alone: without the filter's group, Landlock refuses TCP where the kernel has rules for it.
// proves: Landlock, which denies TCP where an AF_UNIX call goes on
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { landlockVersion } from '../../shared/sys/landlock.js';
import { anyUser, twin } from '../harness/asked.js';
import { postern } from '../harness/postern.js';

const TRY = `
import errno, socket
for act in ("connect", "bind"):
    try:
        getattr(socket.socket(), act)(("127.0.0.1", 1025))
        print(act, "ok")
    except OSError as error:
        print(act, errno.errorcode[error.errno])
`;
const OPEN = 'connect ECONNREFUSED\nbind ok\n';
const REFUSED = 'connect EACCES\nbind EACCES\n';

for (const user of anyUser) {
  const attempt = async (...more: string[]): Promise<string> => {
    const words = ['run', '--egress', 'channel', '--', '/usr/bin/python3', '-c', TRY];
    const without = ['seccomp.connect', 'seccomp.bind', ...more];
    return (await postern(words, { as: user, without })).stdout;
  };
  test(`Landlock alone refuses connect and bind of TCP (${user})`, async () => {
    assert.equal(await attempt(), landlockVersion() >= 4 ? REFUSED : OPEN);
  });
  twin(`without Landlock neither is refused (${user})`, async () => {
    assert.equal(await attempt('landlock'), OPEN);
  });
}
