// A broker has CAP_NET_ADMIN in a sandbox's network, and sends to the port of a socket by which postern asks the kernel.
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import {
  NETLINK_SOCK_DIAG,
  NetlinkPackets,
  openNetlink,
  receiveNetlink,
  sendNetlink,
  writeNetlinkHeader,
} from '../../shared/sys/netlink.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_NETLINK, getsockname, SOCK_CLOEXEC, sendto, socket } from '../../shared/sys/socket.js';

const SOCK_RAW = 3;
const FORGED_TYPE = 20;
const NLMSG_ERROR = 2;

function addressOf(fd: number): Uint8Array {
  const address = new Uint8Array(12);
  assert.equal(getsockname(fd, address, new Uint8Array(Uint32Array.of(address.length).buffer)), 0);
  return address;
}

// proves: netlink: the kernel refuses what others send
// proves: netlink: a message counts only if the kernel has sent it
test('what the kernel sends is received, alone or with more, and nothing that another process has sent to its port', {
  skip: process.geteuid?.() === 0 ? false : 'needs root: another process needs CAP_NET_ADMIN to send there',
}, () => {
  using own = openNetlink(NETLINK_SOCK_DIAG, 'NETLINK_SOCK_DIAG');
  using forger = new OwnedFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const forged = new Uint8Array(16);
  writeNetlinkHeader(forged, FORGED_TYPE, 0, 7);
  const address = addressOf(own.number);
  const packets = new NetlinkPackets(8, 64);
  const into = new Uint8Array(4096);
  const forge = (): void => {
    for (let sent = 0; sent < 3; sent += 1)
      sendto(forger.number, forged, forged.length, 0, address, address.length);
  };
  const lengths = (): number[] =>
    Array.from({ length: Math.max(0, packets.receive(own.number)) }, (_, index) => packets.lengthOf(index));
  forge();
  assert.equal(receiveNetlink(own.number, into), -constants.errno.EAGAIN);
  forge();
  assert.deepEqual(
    lengths().filter((length) => length > 0),
    [],
  );
  // The kernel refuses a question that says nothing, by a message with its number.
  writeNetlinkHeader(forged, FORGED_TYPE, 1, 8);
  assert.equal(sendNetlink(own.number, forged), forged.length);
  assert.ok(receiveNetlink(own.number, into) > 0);
  const fields = new DataView(into.buffer);
  assert.deepEqual([fields.getUint16(4, true), fields.getUint32(8, true)], [NLMSG_ERROR, 8]);
  for (let asked = 0; asked < 2; asked += 1) sendNetlink(own.number, forged);
  assert.deepEqual(lengths(), [36, 36]);
  const second = new DataView(packets.bytes.buffer, packets.step);
  assert.deepEqual([second.getUint16(4, true), second.getUint32(8, true)], [NLMSG_ERROR, 8]);
  assert.deepEqual(lengths(), []);
});
