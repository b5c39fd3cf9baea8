import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handledRights, LANDLOCK_TCP, LANDLOCK_UNIX } from '../../shared/sys/landlock.js';

const RESOLVE_UNIX = 1n << 16n;

// proves: Landlock, which keeps datagrams within the sandbox
test('a domain handles no right that its kernel does not know, and each one that it knows and postern needs', () => {
  const versions: readonly (readonly [version: number, files: bigint, network: bigint, scopes: bigint])[] = [
    [1, 0x1ff2n, 0n, 0n],
    [2, 0x3ff2n, 0n, 0n],
    [3, 0x7ff2n, 0n, 0n],
    [LANDLOCK_TCP, 0x7ff2n, 3n, 0n],
    [6, 0x7ff2n, 3n, 3n],
    [LANDLOCK_UNIX - 1, 0x7ff2n, 3n, 3n],
    [LANDLOCK_UNIX, 0x7ff2n | RESOLVE_UNIX, 3n, 3n],
    [LANDLOCK_UNIX + 3, 0x7ff2n | RESOLVE_UNIX, 3n, 3n],
  ];
  for (const [version, ...rights] of versions) assert.deepEqual(handledRights(version), rights, `${version}`);
});
