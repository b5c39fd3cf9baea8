// The broker reads a rare option of a plugin's socket only after the filter has reported one. So each option has a sandbox of its own here, in
// which nothing else is reported.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { RARE_BY_ARGUMENTS } from '../../shared/sys/rare-options.js';
import { IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET } from '../../shared/sys/socket-constants.js';
import { anyUser } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';

/** A value of each option that no fresh socket has, by level and name. */
const VALUES: Readonly<Record<string, number | string>> = {
  [`${SOL_SOCKET} 10`]: 1,
  [`${IPPROTO_TCP} 7`]: 2,
  [`${IPPROTO_TCP} 18`]: 12_345,
  [`${IPPROTO_TCP} 25`]: 16_384,
  [`${IPPROTO_TCP} 36`]: 1,
  [`${IPPROTO_TCP} 13`]: 'reno',
  [`${IPPROTO_IP} 1`]: 0x10,
  [`${IPPROTO_IP} 2`]: 33,
  [`${IPPROTO_IP} 10`]: 0,
  [`${IPPROTO_IPV6} 67`]: 0x20,
  [`${IPPROTO_IPV6} 16`]: 44,
  [`${IPPROTO_IPV6} 23`]: 0,
};

const PROGRAM = `
import socket, sys
port, level, name, value = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
v6 = level == ${IPPROTO_IPV6}
one = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
fresh = one.getsockopt(level, name, 16)
one.setsockopt(level, name, int(value) if value.isdigit() else value.encode())
if len(sys.argv) > 5:
    print("set", flush=True)
    sys.stdin.readline()
one.connect(("::1" if v6 else "127.0.0.1", port))
set = one.getsockopt(level, name, 16)
print(set.hex(), set != fresh)
`;

const server = createServer().listen(0, '::');
let port = 0;
before(async () => {
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(() => server.close());

const [user = 'user'] = anyUser;
// proves: a rare option is read once a program has set one
for (const { level, name } of RARE_BY_ARGUMENTS)
  test(`a socket keeps option ${name} of level ${level} if a program sets it alone`, async () => {
    const value = VALUES[`${level} ${name}`];
    assert.ok(value !== undefined, 'the option has a value here');
    const command = ['/usr/bin/python3', '-c', PROGRAM, ...[port, level, name, value].map(String)];
    const { stdout: outside } = await promisify(execFile)(command[0] ?? '', command.slice(1));
    assert.match(outside, / True\n$/, 'the value is unusual');
    const rules = ['--allow', `127.0.0.1:${port}`, '--allow', `[::1]:${port}`];
    const { stdout, stderr } = await postern(['run', ...rules, '--', ...command], { as: user });
    assert.equal(stdout, outside, stderr);
  });

// proves: a later broker reads the rare options too
test('a rare option outlives the broker that saw it set', async () => {
  const { child, result } = startPostern(
    [
      ...['run', '--allow', `127.0.0.1:${port}`, '--', '/usr/bin/python3', '-c', PROGRAM],
      ...[port, IPPROTO_IP, 2, 33, 'wait'].map(String),
    ],
    { as: user, keepInput: true },
  );
  let said = '';
  child.stdout?.on('data', (text: string) => {
    said += text;
  });
  await until(() => said.includes('set\n') || undefined);
  const supervisor = child.pid ?? 0;
  const former = await until(() => brokerOf(supervisor));
  process.kill(former, 'SIGKILL');
  await until(() => (brokerOf(supervisor) ?? former) !== former || undefined);
  child.stdin?.end('\n');
  const { stdout, stderr } = await result;
  assert.match(stdout, /^set\n21000000 True\n$/, stderr);
});
