// What docs/hosts.md says of a machine.
import type { MachineResult } from './run-machine.js';
import type { StepResult } from './step.js';

/** The row of a machine, without the columns that say when it ran. */
export function machineCells(result: MachineResult): readonly string[] {
  return [
    `${result.title} (\`${result.machine}\`)`,
    result.kernel ?? 'did not start',
    result.node === undefined ? '' : `${result.node}, libuv ${result.libuv}`,
    [...ran(result.steps), ...(result.error === undefined ? [] : ['**not to its end**'])].join('; '),
    unavailable(result.steps).join('; ') || 'nothing',
  ];
}

/** The steps by name, with the users that each ran as. */
function ran(steps: readonly StepResult[]): string[] {
  return [...new Set(steps.map(({ name }) => name))].map((name) => {
    const same = steps.filter((step) => step.name === name);
    const [tests] = same.flatMap((step) => step.tests ?? []);
    if (tests !== undefined) {
      const skipped = tests.skipped.length === 0 ? '' : `, ${tests.skipped.length} skipped`;
      const late = same.some(({ timedOut }) => timedOut) ? ', **ended for time**' : '';
      const failed = tests.failed.length === 0 ? '0 failed' : `**${tests.failed.length} failed**`;
      return `${name}: ${tests.passed} passed, ${failed}${skipped}${late}`;
    }
    return `${name}: ${same.map(({ as, passed }) => (passed ? as : `**fails (${as})**`)).join(', ')}`;
  });
}

interface Examination {
  readonly checks: readonly { readonly name: string; readonly state: string; readonly found: string }[];
}

/** The checks that doctor does not call ok, with the user where only one is affected. */
function unavailable(steps: readonly StepResult[]): string[] {
  const doctors = steps.filter(({ name }) => name === 'doctor' || name === 'refusal');
  const found = new Map<string, Set<string>>();
  for (const { as, output } of doctors)
    for (const { name, state, found: value } of examination(output)) {
      if (state === 'ok') continue;
      const text = `${name}: ${value} (${state})`;
      found.set(text, (found.get(text) ?? new Set()).add(as));
    }
  return [...found].map(([text, users]) => (users.size === 1 ? `${text}, ${[...users].join()} only` : text));
}

function examination(output: string): Examination['checks'] {
  const line = output.split('\n').find((text) => text.startsWith('{'));
  try {
    return line === undefined ? [] : (JSON.parse(line) as Examination).checks;
  } catch {
    return [];
  }
}
