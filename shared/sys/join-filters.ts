// Joins compiled seccomp filters into one. The kernel runs every filter of a process for each call whose arguments one of them judges, and each
// costs its time. Pure.
import { PosternError } from '../errors.js';
import type { FilterProgram } from './filter-program.js';
import { LAYOUT } from './layout.js';

/** Instructions of classic BPF, linux/filter.h: return a constant, return what a register holds, and jump ahead by a constant. */
const RETURN = 0x06;
const RETURN_REGISTER = 0x16;
const JUMP = 0x05;
const ALLOW = 0x7fff0000;
const INSTRUCTION = LAYOUT['struct sock_filter'];
/** BPF_MAXINSNS. */
const MOST_INSTRUCTIONS = 4096;

/**
 * One filter that answers as these do when they are stacked: the strictest action counts, and of two errnos that of the filter loaded last. Where a
 * filter allows a call, the next one is asked.
 *
 * @param programs in the order in which they would be loaded. Only the first may have an action between an errno and `allow`, such as `notify`:
 *   the others are asked before it, so that their errno counts
 * @throws PosternError `seccomp` for more instructions than the kernel takes, and for one that libseccomp does not make
 */
export function joinFilters(programs: readonly FilterProgram[]): FilterProgram {
  const inTurn = [...programs].reverse();
  const joined = new Uint8Array(inTurn.reduce((sum, { length }) => sum + length, 0));
  if (joined.length > MOST_INSTRUCTIONS * INSTRUCTION.size)
    throw cannotJoin(`${joined.length / INSTRUCTION.size} instructions are more than ${MOST_INSTRUCTIONS}`);
  let at = 0;
  for (const program of inTurn) {
    joined.set(program, at);
    const end = at + program.length;
    if (end < joined.length) handOn(new DataView(joined.buffer, at, program.length));
    at = end;
  }
  return joined;
}

/** Has a filter jump behind its end where it allowed a call. */
function handOn(program: DataView): void {
  const { size, k } = INSTRUCTION;
  for (let at = 0; at < program.byteLength; at += size) {
    const code = program.getUint16(at, true);
    if (code === RETURN_REGISTER) throw cannotJoin('a filter returns what a register holds');
    if (code !== RETURN || program.getUint32(at + k, true) !== ALLOW) continue;
    program.setUint16(at, JUMP, true);
    program.setUint32(at + k, (program.byteLength - at) / size - 1, true);
  }
}

function cannotJoin(why: string): PosternError {
  return new PosternError('seccomp', `Cannot join the filters: ${why}`, { fields: { step: 'join' } });
}
