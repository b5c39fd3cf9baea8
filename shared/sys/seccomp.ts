// Compiles seccomp filters from data by libseccomp, and loads them. Runs in the supervisor and the broker.
import { fstatSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import type { KoffiFunc, LibraryHandle } from 'koffi';
import { PosternError } from '../errors.js';
import { checkStep, type FilterProgram } from './filter-program.js';
import { LAYOUT } from './layout.js';
import { loadLibrary } from './load-library.js';
import { createMemoryFile } from './memory-file.js';
import { NEW_CALLS } from './new-calls.js';

const SCMP_ACT_ALLOW = 0x7fff0000;
const SCMP_ACT_ERRNO = 0x00050000;
const SCMP_ACT_NOTIFY = 0x7fc00000;
const SCMP_FLTATR_ACT_BADARCH = 2;
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const SCMP_FLTATR_CTL_TSYNC = 4;
/** __NR_SCMP_ERROR: libseccomp does not know the name. */
const NR_SCMP_ERROR = -1;
const SCMP_CMP_NE = 1;
const SCMP_CMP_MASKED_EQ = 7;
const OPTIMIZE_BINARY_TREE = 2;
const ARG_CMP = LAYOUT['struct scmp_arg_cmp'];
const LOW_32 = 0xffffffffn;

/**
 * The action of a rule: allow the call, report it to a listener, return 0 without the call (`skip`), or fail it with an errno, by name.
 */
export type FilterAction = 'allow' | 'notify' | 'skip' | keyof typeof constants.errno;

/**
 * A comparison of one argument under a 32-bit mask. The kernel reads an int and ignores the upper half of the register. A 64-bit comparison
 * could therefore be tricked by high bits.
 */
export interface ArgumentMatch {
  readonly index: 0 | 1 | 2 | 3 | 4 | 5;
  /** The bits that are compared. Missing: all 32 bits of an int. */
  readonly mask?: number;
  readonly equals: number;
  /** Matches every other value of all 64 bits. Only for refusals, so that high bits are refused too. */
  readonly not?: true;
}

export interface FilterRule {
  readonly calls: readonly string[];
  readonly action: FilterAction;
  /** All must match. Without one, the rule always matches. */
  readonly when?: readonly ArgumentMatch[];
}

/** A filter: its rules, and the action for every other call. */
export interface Filter {
  readonly otherwise: FilterAction;
  readonly rules: readonly FilterRule[];
}

type Context = bigint;
interface Library {
  readonly init: KoffiFunc<(action: number) => Context>;
  readonly release: KoffiFunc<(context: Context) => void>;
  readonly attribute: KoffiFunc<(context: Context, attribute: number, value: number) => number>;
  readonly resolve: KoffiFunc<(name: string) => number>;
  readonly add: KoffiFunc<
    (context: Context, action: number, call: number, count: number, args: Uint8Array) => number
  >;
  readonly load: KoffiFunc<(context: Context) => number>;
  readonly exportBpf: KoffiFunc<(context: Context, fd: number) => number>;
}

let loaded: Library | undefined;

function library(): Library {
  if (loaded === undefined) {
    const lib: LibraryHandle = loadLibrary('libseccomp.so.2', 'libseccomp2');
    loaded = {
      init: lib.func('void *seccomp_init(uint32_t action)') as Library['init'],
      release: lib.func('void seccomp_release(void *context)') as Library['release'],
      attribute: lib.func(
        'int seccomp_attr_set(void *context, int attribute, uint32_t value)',
      ) as Library['attribute'],
      resolve: lib.func('int seccomp_syscall_resolve_name(const char *name)') as Library['resolve'],
      add: lib.func(
        'int seccomp_rule_add_array(void *context, uint32_t action, int call, uint count, const void *arguments)',
      ) as Library['add'],
      load: lib.func('int seccomp_load(void *context)') as Library['load'],
      exportBpf: lib.func('int seccomp_export_bpf(void *context, int fd)') as Library['exportBpf'],
    };
  }
  return loaded;
}

function actionCode(action: FilterAction): number {
  if (action === 'notify') return SCMP_ACT_NOTIFY;
  // The kernel does not execute the call, and returns minus the errno, here 0.
  if (action === 'skip') return SCMP_ACT_ERRNO;
  return action === 'allow' ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO | constants.errno[action];
}

/** struct scmp_arg_cmp: argument, operator, mask, datum. */
function encodeMatches(matches: readonly ArgumentMatch[]): Uint8Array {
  const bytes = new Uint8Array(ARG_CMP.size * Math.max(1, matches.length));
  const view = new DataView(bytes.buffer);
  for (const [at, match] of matches.entries()) {
    const start = ARG_CMP.size * at;
    view.setUint32(start, match.index, true);
    const value = BigInt(match.equals) & LOW_32;
    const masked = match.not !== true;
    view.setInt32(start + ARG_CMP.op, masked ? SCMP_CMP_MASKED_EQ : SCMP_CMP_NE, true);
    view.setBigUint64(start + ARG_CMP.datum_a, masked ? BigInt(match.mask ?? LOW_32) & LOW_32 : value, true);
    view.setBigUint64(start + ARG_CMP.datum_b, masked ? value : 0n, true);
  }
  return bytes;
}

/**
 * Loads a filter for the calling thread, which is kept across execve. Filters stack: the strictest action counts, and of two errnos that of
 * the last filter. Calls of another ABI (i386, x32) get ENOSYS.
 *
 * A rule leaves out a call that this architecture does not have: nobody can make it.
 *
 * @throws PosternError `seccomp` with the step, also for an unknown call; `missing_library` without libseccomp
 */
export function loadFilter(filter: Filter): void {
  withContext(filter, (lib, context) => checkStep(lib.load(context), 'seccomp_load'));
}

/** Whether this architecture has a call of that name, as far as postern and libseccomp know. */
export function knowsCall(name: string): boolean {
  return (callNumber(name, library().resolve) ?? -1) >= 0;
}

/**
 * The number of a call in a filter.
 *
 * @param resolve seccomp_syscall_resolve_name(3)
 * @returns a negative number if this architecture does not have the call; undefined if neither libseccomp nor postern knows the name
 */
export function callNumber(name: string, resolve: (name: string) => number): number | undefined {
  const number = resolve(name);
  return number === NR_SCMP_ERROR ? NEW_CALLS.get(name) : number;
}

/** Like {@link loadFilter}, for every thread of this process (SECCOMP_FILTER_FLAG_TSYNC) and those that they start. */
export function loadFilterInAllThreads(filter: Filter): void {
  withContext(filter, (lib, context) => {
    checkStep(lib.attribute(context, SCMP_FLTATR_CTL_TSYNC, 1), 'seccomp_attr_set CTL_TSYNC');
    checkStep(lib.load(context), 'seccomp_load');
  });
}

/** Compiles a filter for {@link loadProgram}, on any thread. @throws PosternError as {@link loadFilter} does */
export function buildProgram(filter: Filter): FilterProgram {
  return withContext(filter, exportProgram);
}

function exportProgram(lib: Library, context: Context): FilterProgram {
  const memory = createMemoryFile('postern-filter');
  try {
    checkStep(lib.exportBpf(context, memory.number), 'seccomp_export_bpf');
    const bytes = new Uint8Array(fstatSync(memory.number).size);
    readSync(memory.number, bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    memory.close();
  }
}

function withContext<T>(filter: Filter, use: (lib: Library, context: Context) => T): T {
  const lib = library();
  const context = lib.init(actionCode(filter.otherwise));
  if (!context) throw new PosternError('seccomp', 'seccomp_init failed');
  try {
    fill(lib, context, filter);
    return use(lib, context);
  } finally {
    lib.release(context);
  }
}

function fill(lib: Library, context: Context, filter: Filter): void {
  checkStep(
    lib.attribute(context, SCMP_FLTATR_ACT_BADARCH, actionCode('ENOSYS')),
    'seccomp_attr_set ACT_BADARCH',
  );
  checkStep(
    lib.attribute(context, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_BINARY_TREE),
    'seccomp_attr_set CTL_OPTIMIZE',
  );
  for (const rule of filter.rules) {
    const matches = rule.when ?? [];
    const encoded = encodeMatches(matches);
    for (const name of rule.calls) {
      const number = callNumber(name, lib.resolve);
      // Without this error, a rule that refuses the call would be missing silently.
      if (number === undefined)
        throw new PosternError('seccomp', `Neither libseccomp nor postern knows the system call "${name}"`, {
          fields: { step: 'seccomp_syscall_resolve_name' },
        });
      if (number < 0) continue;
      checkStep(
        lib.add(context, actionCode(rule.action), number, matches.length, encoded),
        `seccomp_rule_add ${name}`,
      );
    }
  }
}
