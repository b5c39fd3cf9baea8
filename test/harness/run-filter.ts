// Checks and runs a compiled seccomp filter as the kernel does: classic BPF over a struct seccomp_data, seccomp(2), linux/filter.h.
import assert from 'node:assert/strict';

const LOAD = 0x20;
const RETURN = 0x06;
const JUMP = 0x05;
const AND = 0x54;
const COMPARES: Readonly<Record<number, (value: number, operand: number) => boolean>> = {
  21: (value, operand) => value === operand,
  37: (value, operand) => value > operand,
  53: (value, operand) => value >= operand,
  69: (value, operand) => (value & operand) !== 0,
};
/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const OWN_ARCHITECTURE = process.arch === 'arm64' ? 0xc00000b7 : 0xc000003e;

/** @param args six words of 64 bits @returns the action, with SECCOMP_RET_DATA */
export function runFilter(
  program: Uint8Array,
  number: number,
  args: readonly bigint[],
  architecture: number = OWN_ARCHITECTURE,
): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setInt32(0, number, true);
  data.setUint32(4, architecture, true);
  for (const [at, value] of args.entries()) data.setBigUint64(16 + 8 * at, value, true);
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let accumulator = 0;
  for (let at = 0; ; at += 1) {
    const opcode = code.getUint16(8 * at, true);
    const k = code.getUint32(8 * at + 4, true);
    const compare = COMPARES[opcode];
    if (compare !== undefined) at += code.getUint8(8 * at + (compare(accumulator, k) ? 2 : 3));
    else if (opcode === RETURN) return k;
    else if (opcode === LOAD) accumulator = data.getUint32(k, true);
    else if (opcode === AND) accumulator = (accumulator & k) >>> 0;
    else if (opcode === JUMP) at += k;
    else throw new Error(`The instruction 0x${opcode.toString(16)} is none that libseccomp makes`);
  }
}

const SECCOMP_DATA_BYTES = 64;
const BPF_MAXINSNS = 4096;

/** What the kernel asks of a filter before it runs: bpf_check_classic in net/core/filter.c, seccomp_check_filter in kernel/seccomp.c. */
export function checkLoadable(program: Uint8Array): void {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const length = program.length / 8;
  assert.ok(Number.isInteger(length) && length >= 1 && length <= BPF_MAXINSNS, `${length} instructions`);
  for (let at = 0; at < length; at += 1) {
    const opcode = code.getUint16(8 * at, true);
    const k = code.getUint32(8 * at + 4, true);
    const left = length - at - 1;
    if (opcode === LOAD) assert.ok(k < SECCOMP_DATA_BYTES && k % 4 === 0, `${at} loads the word at ${k}`);
    else if (opcode === JUMP) assert.ok(k < left, `${at} jumps over ${k} of ${left}`);
    else if (COMPARES[opcode] !== undefined)
      for (const side of [2, 3]) {
        const over = code.getUint8(8 * at + side);
        assert.ok(over < left, `${at} jumps over ${over} of ${left}`);
      }
    else assert.ok([AND, RETURN].includes(opcode), `${at} has the opcode 0x${opcode.toString(16)}`);
  }
  assert.equal(code.getUint16(8 * (length - 1), true), RETURN, 'the last instruction returns');
}

/** Every constant of a filter: the arguments that matter to it are among them. */
export function constantsOf(program: Uint8Array): readonly bigint[] {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  return Array.from({ length: program.length / 8 }, (_, at) => BigInt(code.getUint32(8 * at + 4, true)));
}
