import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  encodeSockaddr,
  encodeSockaddrInto,
  familyOf,
  isSameEndpoint,
  SOCKADDR_BYTES,
} from '../../shared/sys/sockaddr.js';

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const endpoint = fc.record({
  bytes: fc.oneof(bytesOf(4), bytesOf(16)),
  port: fc.integer({ min: 0, max: 65_535 }),
});

test('an address is read as it was written, and a buffer that is used again keeps nothing of the last one', () => {
  const buffer = new Uint8Array(SOCKADDR_BYTES);
  fc.assert(
    fc.property(endpoint, (one) => {
      const length = encodeSockaddrInto(buffer, one);
      assert.deepEqual(buffer.slice(0, length), encodeSockaddr(one));
      assert.equal(familyOf(buffer), one.bytes.length === 4 ? AF_INET : AF_INET6);
      const read = decodeSockaddr(buffer, length);
      assert.ok(read !== undefined && isSameEndpoint(read, one));
      assert.equal(decodeSockaddr(buffer, length - 1), undefined);
    }),
  );
});

test('endpoints are the same by address, family and port', () => {
  const one = { bytes: new Uint8Array([127, 0, 0, 1]), port: 80 };
  assert.ok(isSameEndpoint(one, { ...one }));
  assert.ok(!isSameEndpoint(one, { ...one, port: 81 }));
  assert.ok(!isSameEndpoint(one, { ...one, bytes: new Uint8Array([127, 0, 0, 2]) }));
  assert.ok(!isSameEndpoint(one, { ...one, bytes: new Uint8Array(16) }));
});
