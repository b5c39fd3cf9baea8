// The tables of docs/hosts.md: which stages of npm run deep passed, and what each machine of its stages showed; at which commit, and when.
import { MACHINES } from '../machines/machines.js';
import { machineCells } from '../machines/report.js';
import type { SliceResult } from './run-slice.js';
import { STAGES } from './stages.js';

export interface When {
  readonly commit: string;
  readonly date: string;
}

interface Table {
  /** The HTML comments around it. */
  readonly begin: string;
  readonly end: string;
  readonly head: readonly string[];
  /** The first words of the rows, in their order. */
  readonly order: readonly string[];
}

const STAGE_TABLE: Table = {
  begin: '<!-- Stages, written by npm run deep -- --write -->',
  end: '<!-- End of the stages -->',
  head: ['stage', 'shows', 'tests', 'minutes', 'result', 'commit', 'on'],
  order: STAGES.map(({ name }) => `\`${name}\``),
};
const MACHINE_TABLE: Table = {
  begin: '<!-- Machines, written by npm run deep -- --write -->',
  end: '<!-- End of the machines -->',
  head: ['machine', 'kernel', 'Node', 'ran', 'unavailable there', 'commit', 'on'],
  order: MACHINES.map(({ name, title }) => `${title} (\`${name}\`)`),
};

/** @returns the page with a new row for each stage that ran whole, and for each machine that ran; other rows stay */
export function withResults(page: string, results: readonly SliceResult[], { commit, date }: When): string {
  const on = [`\`${commit}\``, date];
  const stages = STAGES.flatMap((stage) => {
    const mine = results.filter((result) => result.stage === stage.name);
    return mine.length < stage.slices.length ? [] : [[...stageCells(stage, mine), ...on]];
  });
  const machines = results.flatMap((result) =>
    (result.machines ?? []).map((machine) => [...machineCells(machine), ...on]),
  );
  return withRows(withRows(page, STAGE_TABLE, stages), MACHINE_TABLE, machines);
}

function stageCells(
  { name, shows }: (typeof STAGES)[number],
  mine: readonly SliceResult[],
): readonly string[] {
  const sum = (figure: (result: SliceResult) => number): number =>
    mine.reduce((total, result) => total + figure(result), 0);
  const tests = sum((result) => (result.tests === undefined ? 0 : result.tests.passed + result.tests.failed));
  const failed = mine.filter(({ result }) => result !== 'passed');
  const again = mine.flatMap(({ slice, attempts }) =>
    attempts === undefined ? [] : [`${slice} at attempt ${attempts}`],
  );
  return [
    `\`${name}\``,
    shows,
    tests === 0 ? '' : String(tests),
    String(Math.ceil(sum(({ seconds }) => seconds) / 60)),
    failed.length === 0
      ? ['passed', ...again].join(', ')
      : `**${failed.map(({ slice, result }) => `${slice}: ${result}`).join(', ')}**`,
  ];
}

function withRows(page: string, table: Table, made: readonly (readonly string[])[]): string {
  const { begin, end, head, order } = table;
  const [before, rest] = page.split(begin);
  const [old, after] = rest?.split(end) ?? [];
  if (before === undefined || old === undefined || after === undefined)
    throw new Error(`The page has no place for the table: "${begin}" and "${end}"`);
  const written = made.map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')));
  const rows = order.flatMap((first) => {
    const fresh = written.filter((cells) => cells[0] === first).map((cells) => `| ${cells.join(' | ')} |`);
    return fresh.length > 0 ? fresh : old.split('\n').filter((line) => line.startsWith(`| ${first} |`));
  });
  const lines = [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows];
  return `${before}${begin}\n${lines.join('\n')}\n${end}${after}`;
}
