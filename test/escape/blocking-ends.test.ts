// A broker that was taken over can give a plugin the ends that the next broker reads from. The plugin clears their O_NONBLOCK: the next broker
// must not wait at them for a request of a neighbour, nor for a connection to its DNS.
// The test takes the ends out of a broker, as root alone can.
// needs: root
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { isNonBlocking, setNonBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { openPidfd, takeDescriptor } from '../../shared/sys/pidfd.js';
import { isListening } from '../../shared/sys/socket.js';
import { anyUser } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';

/** At each line it says hello on the channel, waits for the answer, and connects to its DNS. The broker answers that connect(2), too. */
const PROGRAM = `
import os, socket, sys
request = int(os.environ["POSTERN_REQUEST_FD"])
reply = socket.socket(fileno=int(os.environ["POSTERN_REPLY_FD"]))
print("up", os.readlink(f"/proc/self/fd/{request}"), flush=True)
for line in sys.stdin:
    os.write(request, bytes.fromhex("82a26f70a568656c6c6fa776657273696f6e01"))
    answer = reply.recv(1000)
    socket.create_connection(("127.0.0.1", 53)).close()
    print("answered", len(answer) > 0, flush=True)
`;

/** What the broker has, and is of that kind. */
function taken(broker: number, isMeant: (link: string, fd: OwnedFd) => boolean): readonly OwnedFd[] {
  using handle = openPidfd(broker);
  return readdirSync(`/proc/${broker}/fd`).flatMap((number) => {
    const fd = takeDescriptor(handle.number, Number(number));
    if (typeof fd === 'number') return [];
    if (isMeant(readlinkSync(`/proc/self/fd/${fd.number}`), fd)) return [fd];
    fd.close();
    return [];
  });
}

for (const user of anyUser)
  for (const [what, isMeant] of [
    // proves: a request is read without waiting, whoever has the pipe too
    ['a request', (link: string, pipe: string) => link === pipe],
    // proves: a connection is accepted without waiting, whoever has the listener too
    [
      'a connection to its DNS',
      (link: string, _pipe: string, { number }: OwnedFd) => link.startsWith('socket:') && isListening(number),
    ],
  ] as const) {
    test(`a broker waits nowhere for ${what}, though another process has made the end blocking (${user})`, async () => {
      const { child, result, stdout } = startPostern(['run', '--', '/usr/bin/python3', '-c', PROGRAM], {
        as: user,
        keepInput: true,
      });
      const pipe = await until(() => /^up (.*)$/m.exec(stdout())?.[1]);
      const broker = brokerOf(child.pid ?? 0);
      assert.ok(broker !== undefined);
      const ends = taken(broker, (link, fd) => isMeant(link, pipe, fd));
      assert.equal(ends.length, 1);
      for (const { number } of ends) setNonBlocking(number, false);
      for (const times of [1, 2, 3]) {
        child.stdin?.write('\n');
        await until(() => stdout().split('answered True').length > times || undefined);
      }
      assert.ok(
        ends.every(({ number }) => !isNonBlocking(number)),
        'the broker has made them non-blocking',
      );
      assert.equal(brokerOf(child.pid ?? 0), broker, 'that broker was ended');
      for (const end of ends) end.close();
      child.stdin?.end();
      const { status, stderr } = await result;
      assert.equal(status, 0, stderr);
    });
  }
