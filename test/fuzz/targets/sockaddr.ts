// A plugin's struct sockaddr: it is read within its bounds, and as a naive reader with fixed offsets reads it. An IPv4-mapped IPv6 address
// is its IPv4 address.
import assert from 'node:assert/strict';
import { readSockaddr } from '../../../broker/caller/caller-memory.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { decodeSockaddr, encodeSockaddr } from '../../../shared/sys/sockaddr.js';
import type { FuzzTarget } from '../fuzz-target.js';

const LEAST = 2;
const KINDS: Readonly<Record<number, string>> = { 0: 'unspec', 1: 'unix', 16: 'netlink' };
/** The native order of x86-64 and arm64, on which postern runs. */
const familyOf = (bytes: Uint8Array): number => Buffer.from(bytes).readUInt16LE(0);

export const target: FuzzTarget = {
  name: 'sockaddr',
  maxBytes: 128,
  slowMs: 50,
  tokens: [
    ...[
      [2, 0],
      [10, 0],
      [1, 0],
      [16, 0],
      [0, 0],
      [1, 187],
      [127, 0, 0, 1],
      [169, 254, 169, 254],
    ].map(Buffer.from),
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
    Buffer.alloc(16),
  ],
  run: (raw) => {
    const bytes = raw.length < LEAST ? Uint8Array.from([...raw, 0, 0]) : raw;
    const found = surrounded(bytes, 0x00);
    assert.deepEqual(surrounded(bytes, 0xff), found, 'it reads beyond its bytes');
    const family = familyOf(bytes);
    const length = family === 2 ? 16 : 24;
    if (family !== 2 && family !== 10) {
      assert.equal(found.kind, KINDS[family] ?? 'other');
      return found.kind;
    }
    if (bytes.length < length) {
      assert.equal(found.kind, 'short');
      return `short ${family}`;
    }
    assert.ok(found.kind === 'inet');
    const view = Buffer.from(bytes);
    assert.equal(found.port, view.readUInt16BE(2));
    const text = family === 2 ? [...view.subarray(4, 8)].join('.') : groups(view.subarray(8, 24));
    assert.deepEqual(found.address, parseAddress(text), text);
    mustAgree(bytes, found.address.bytes, found.port);
    return `${family} ${found.address.family}`;
  },
};

/** Reads it between other bytes, which are overwritten afterwards. */
function surrounded(bytes: Uint8Array, by: number): ReturnType<typeof readSockaddr> {
  const around = new Uint8Array(bytes.length + 64).fill(by);
  around.set(bytes, 32);
  const found = readSockaddr(around.subarray(32, 32 + bytes.length));
  around.fill(0x5a);
  return found;
}

function groups(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
}

/** The address that was read is the one that is dialled, and shared/sys reads it alike. */
function mustAgree(raw: Uint8Array, bytes: Uint8Array, port: number): void {
  const again = surrounded(encodeSockaddr({ bytes, port }), 0);
  assert.ok(again.kind === 'inet');
  assert.deepEqual([again.address.bytes, again.port], [bytes, port]);
  const other = decodeSockaddr(raw);
  if (other === undefined) return;
  assert.equal(other.port, port);
  assert.deepEqual(other.bytes.slice(-bytes.length), bytes);
}
