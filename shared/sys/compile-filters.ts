// Compiles seccomp filters from data into one program. libseccomp compiles each filter alone, and the kernel runs every filter of a process for each
// call whose arguments one of them judges. Pure, except that it asks libseccomp for the numbers of calls.
import { PosternError } from '../errors.js';
import { callNumber } from './call-numbers.js';
import type { Filter } from './filter.js';
import { FilterCode, type Range, rangesOf } from './filter-code.js';
import { type CallRules, decideCall, rulesByCall } from './filter-decision.js';
import { type Plan, Planner } from './filter-plan.js';
import type { FilterProgram } from './filter-program.js';
import { LAYOUT } from './layout.js';

const DATA = LAYOUT['struct seccomp_data'];
/** BPF_MAXINSNS. */
const MOST_INSTRUCTIONS = 4096;
/** The numbers of x32, the ABI of x86-64 with short pointers, have this bit, syscall(2). */
const X32 = 0x40000000;
/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const ARCHITECTURES: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/**
 * One program that answers as these filters do when they are stacked, seccomp(2). Calls of another ABI (i386, x32) get ENOSYS. A rule leaves out a call that
 * this architecture does not have: nobody can make it.
 *
 * @param stack in the order in which they would be loaded. Only the first may have the action `notify`
 * @param numberOf the number of a call by its name, negative for a call that this architecture does not have
 * @throws PosternError `seccomp` for an unknown call, and for more instructions than the kernel takes; `missing_library` without libseccomp
 */
export function compileFilters(
  stack: readonly Filter[],
  numberOf: (call: string) => number = callNumber,
): FilterProgram {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined)
    throw cannotCompile(`postern does not know the architecture ${process.arch}`);
  if (stack.slice(1).some(reports)) throw cannotCompile('only the first filter may report calls');
  const planner = new Planner();
  const plans = new Map<number, Plan>();
  const planned = new Map<readonly CallRules[], Plan>();
  const planOf = (rules: readonly CallRules[]): Plan => {
    const plan = planned.get(rules) ?? planner.plan(decideCall(rules));
    planned.set(rules, plan);
    return plan;
  };
  for (const [call, rules] of rulesByCall(stack)) {
    const number = numberOf(call);
    if (plans.has(number)) throw cannotCompile(`the call ${number} has two names, of which "${call}" is one`);
    if (number >= 0) plans.set(number, planOf(rules));
  }
  const unknown = planner.plan(decideCall(stack.map(({ otherwise }) => ({ otherwise, rules: [] }))));
  const foreign = planner.plan({ action: 'ENOSYS' });
  const code = new FilterCode();
  const own = loadAndSearch(code, withX32(rangesOf(plans, unknown), foreign));
  code.ifEqual(
    architecture,
    own,
    /* protects: G4 calls of another ABI are refused => own */ code.write(foreign),
  );
  code.load(DATA.arch);
  if (code.length > MOST_INSTRUCTIONS)
    throw cannotCompile(`${code.length} instructions are more than ${MOST_INSTRUCTIONS}`);
  return code.bytes();
}

function reports({ otherwise, rules }: Filter): boolean {
  return otherwise === 'notify' || rules.some(({ action }) => action === 'notify');
}

function loadAndSearch(code: FilterCode, ranges: readonly Range[]): number {
  code.search(ranges);
  return code.load(DATA.nr);
}

function withX32(ranges: readonly Range[], foreign: Plan): readonly Range[] {
  return /* protects: G4 calls of x32 are refused => false */ process.arch === 'x64'
    ? [...ranges, { from: X32, to: foreign }]
    : ranges;
}

function cannotCompile(why: string): PosternError {
  return new PosternError('seccomp', `Cannot compile the filters: ${why}`, { fields: { step: 'compile' } });
}
