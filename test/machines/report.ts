// Updates the table of docs/hosts.md: the run of a machine replaces its row.
import { readFileSync, writeFileSync } from 'node:fs';
import type { MachineResult } from './run-machine.js';
import type { StepResult } from './step.js';

const BEGIN = '<!-- Written by npm run machines -- --write -->';
const END = '<!-- End of the table -->';
const HEAD = ['| machine | kernel | Node | ran | unavailable there | on |', '|---|---|---|---|---|---|'];

/** @param order the names of all machines, as their rows stand */
export function writeTable(file: string, order: readonly string[], results: readonly MachineResult[]): void {
  const text = readFileSync(file, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const [old, after] = rest?.split(END) ?? [];
  if (before === undefined || old === undefined || after === undefined)
    throw new Error(`"${file}" has no place for the table: "${BEGIN}" and "${END}"`);
  const rows = new Map(
    old.split('\n').flatMap((line) => {
      const name = /^\| .*\(`([^`]+)`\)/.exec(line)?.[1];
      return name === undefined ? [] : [[name, line] as const];
    }),
  );
  for (const result of results) rows.set(result.machine, row(result));
  const lines = [...HEAD, ...order.flatMap((name) => rows.get(name) ?? [])];
  writeFileSync(file, `${before}${BEGIN}\n${lines.join('\n')}\n${END}${after}`);
}

function row(result: MachineResult): string {
  const cells = [
    `${result.title} (\`${result.machine}\`)`,
    result.kernel ?? 'did not start',
    result.node === undefined ? '' : `${result.node}, libuv ${result.libuv}`,
    [...ran(result.steps), ...(result.error === undefined ? [] : ['**not to its end**'])].join('; '),
    unavailable(result.steps).join('; ') || 'nothing',
    new Date().toISOString().slice(0, 10),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
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
