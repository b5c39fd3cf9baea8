// Compiles each seccomp filter alone, by libseccomp: what postern's own compiler must agree with.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KoffiFunc, LibraryHandle } from 'koffi';
import { callNumber } from '../../shared/sys/call-numbers.js';
import {
  type ArgumentMatch,
  FILTER_ERRNOS,
  type Filter,
  type FilterAction,
} from '../../shared/sys/filter.js';
import { loadLibrary } from '../../shared/sys/load-library.js';

const SCMP_ACT_ALLOW = 0x7fff0000;
const SCMP_ACT_ERRNO = 0x00050000;
const SCMP_ACT_NOTIFY = 0x7fc00000;
const SCMP_FLTATR_ACT_BADARCH = 2;
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const SCMP_CMP_NE = 1;
const SCMP_CMP_MASKED_EQ = 7;
const OPTIMIZE_BINARY_TREE = 2;
/** struct scmp_arg_cmp. */
const ARG_CMP = { size: 24, op: 4, datum_a: 8, datum_b: 16 };
const LOW_32 = 0xffffffffn;

type Context = bigint;
interface Library {
  readonly init: KoffiFunc<(action: number) => Context>;
  readonly release: KoffiFunc<(context: Context) => void>;
  readonly attribute: KoffiFunc<(context: Context, attribute: number, value: number) => number>;
  readonly add: KoffiFunc<
    (context: Context, action: number, call: number, count: number, args: Uint8Array) => number
  >;
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
      add: lib.func(
        'int seccomp_rule_add_array(void *context, uint32_t action, int call, uint count, const void *arguments)',
      ) as Library['add'],
      exportBpf: lib.func('int seccomp_export_bpf(void *context, int fd)') as Library['exportBpf'],
    };
  }
  return loaded;
}

function actionCode(action: FilterAction): number {
  if (action === 'report') return SCMP_ACT_NOTIFY;
  // The kernel does not execute the call, and returns minus the errno, here 0.
  if (action === 'skip') return SCMP_ACT_ERRNO;
  return action === 'allow' ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO | FILTER_ERRNOS[action];
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

/** @returns structs sock_filter */
export function compileAlone(filter: Filter): Uint8Array {
  const lib = library();
  const context = lib.init(actionCode(filter.otherwise));
  assert.ok(context, 'seccomp_init');
  try {
    fill(lib, context, filter);
    return exportProgram(lib, context);
  } finally {
    lib.release(context);
  }
}

function exportProgram(lib: Library, context: Context): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'postern-filter-'));
  const path = join(folder, 'program');
  const file = openSync(path, 'w');
  try {
    checkStep(lib.exportBpf(context, file), 'seccomp_export_bpf');
    return readFileSync(path);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
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
      const number = callNumber(name);
      if (number < 0) continue;
      checkStep(
        lib.add(context, actionCode(rule.action), number, matches.length, encoded),
        `seccomp_rule_add ${name}`,
      );
    }
  }
}

function checkStep(result: number, step: string): void {
  assert.ok(result >= 0, `${step}: ${result}`);
}
