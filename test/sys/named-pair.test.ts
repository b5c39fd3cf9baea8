import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { isNonBlocking } from '../../shared/sys/fcntl.js';
import { receiveMessage, sendMessage } from '../../shared/sys/message.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import { bindTo, getsockname, namedPair, receiveCredentials } from '../../shared/sys/socket.js';

function nameOf(fd: number): string {
  const address = new Uint8Array(128);
  const length = Uint32Array.of(address.length);
  assert.equal(getsockname(fd, address, new Uint8Array(length.buffer)), 0);
  return Buffer.from(address.subarray(2, length[0])).toString('latin1');
}

// proves: a pair can take no name of the host
test('a socket of a pair has a name, and takes no other name', () => {
  const pair = namedPair(true);
  assert.ok(typeof pair !== 'number');
  const names = pair.map(({ number }) => nameOf(number));
  for (const [at, { number }] of pair.entries()) {
    assert.match(names[at] ?? '', /^\0[0-9a-f]{5}$/);
    assert.equal(isNonBlocking(number), true);
    for (const name of ['\0postern-test-name', '/tmp/postern-test-name']) {
      const address = Buffer.concat([new Uint8Array(Uint16Array.of(AF_UNIX).buffer), Buffer.from(name)]);
      assert.equal(bindTo(number, address), -constants.errno.EINVAL);
    }
    receiveCredentials(number);
    sendMessage(number, Buffer.from('x'));
    assert.equal(nameOf(number), names[at]);
  }
  assert.ok(typeof receiveMessage(pair[1].number) !== 'number');
  for (const end of pair) end.close();
});
