import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRequest, encodeRequest } from '../../shared/protocol/requests.js';
import { PROTOCOL_ERRORS } from '../../shared/words.js';

const request = fc.record({
  op: fc.constant('connect' as const),
  id: fc.nat(),
  host: fc.string({ unit: 'binary', maxLength: 60 }),
  port: fc.integer(),
});
const kinds: readonly string[] = PROTOCOL_ERRORS;

test('decodeRequest() never throws on random bytes, and answers one of its words or a request', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const result = decodeRequest(bytes);
      assert.ok(typeof result === 'object' || kinds.includes(result));
    }),
    { numRuns: 5_000 },
  );
});

test('decodeRequest() never throws on a request with a byte changed, and never adds a key', () => {
  fc.assert(
    fc.property(request, fc.nat(), fc.nat(255), (original, place, byte) => {
      const frame = Buffer.from(encodeRequest(original));
      frame[place % frame.length] = byte;
      const result = decodeRequest(frame);
      if (typeof result === 'string') assert.ok(kinds.includes(result));
      else
        assert.ok(Object.keys(result).every((key) => ['op', 'id', 'host', 'port', 'version'].includes(key)));
    }),
    { numRuns: 5_000 },
  );
});
