// The limits of a plugin that the kernel enforces.
import type { Protection } from './protection.js';

const LIMITS = { file: 'sandbox/launch/set-limits', tests: ['integration/limits'] };

export const limitProtections: readonly Protection[] = [
  {
    ...LIMITS,
    name: 'limits: processes',
    right: 'lowerLimit(RLIMIT.NPROC, BigInt(processes));',
    wrong: '',
    pattern: 'processes bounds.*user',
  },
  {
    ...LIMITS,
    name: 'limits: memory',
    right: 'lowerLimit(RLIMIT.DATA, bytes(memoryMib));',
    wrong: ';',
    pattern: 'memory_mib bounds.*user',
  },
  {
    ...LIMITS,
    name: 'limits: size of a file',
    right: 'if (fileMib !== undefined)',
    wrong: 'if (false)',
    pattern: 'file_mib end.*user',
  },
  {
    ...LIMITS,
    name: 'limits: processor time',
    right: 'if (cpuSeconds !== undefined)',
    wrong: 'if (false)',
    pattern: 'file_mib end.*user',
  },
  {
    ...LIMITS,
    name: 'limits: descriptors',
    right:
      'lowerLimit(RLIMIT.NOFILE, boundedDescriptors(BigInt(descriptors), getLimit(RLIMIT.NOFILE).hard));',
    wrong: '',
    pattern: 'raised from inside.*user',
  },
  {
    ...LIMITS,
    name: "limits: many descriptors are half of the broker's at most",
    right: 'return wanted < most ? wanted : most;',
    wrong: 'return wanted;',
    pattern: 'beyond the default.*user',
  },
  {
    ...LIMITS,
    name: 'limits: no core dump',
    right: 'lowerLimit(RLIMIT.CORE, 1n);',
    wrong: '',
    pattern: 'raised from inside.*user',
  },
  {
    ...LIMITS,
    name: 'limits: what may be written is bounded',
    file: 'sandbox/launch/build-root',
    right: '},size=',
    wrong: '},size=9',
    pattern: 'tmp_mib.*user',
  },
  {
    ...LIMITS,
    name: 'limits: how many files may be made is bounded',
    file: 'sandbox/launch/build-root',
    right: 'FILES_PER_MIB = 256',
    wrong: 'FILES_PER_MIB = 4096',
    pattern: 'tmp_mib.*user',
  },
];
