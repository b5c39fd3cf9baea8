// An examination as lines for a reader, or as JSON for a program.
import type { Check, CheckState } from './check.js';
import type { Examination } from './examine.js';

const COLOURS: Readonly<Record<CheckState, number>> = { ok: 32, lacking: 31, absent: 33 };
const STATE_WIDTH = 'lacking'.length + 2;
const MEND_INDENT = ' '.repeat(STATE_WIDTH + 4);

/** A line for each check, what mends it indented below, and the answer on the last line. */
export function describeExamination({ ok, checks }: Examination, colour: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const paint = (state: CheckState, text: string): string =>
    colour ? `\u001b[${COLOURS[state]}m${text}\u001b[0m` : text;
  const lines = checks.flatMap((check) => [
    `${paint(check.state, check.state.padEnd(STATE_WIDTH))}${check.name.padEnd(width)}${described(check)}`,
    ...(check.mend ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `${MEND_INDENT}${line}`),
  ]);
  return `${[...lines, paint(ok ? 'ok' : 'lacking', answer(checks))].join('\n')}\n`;
}

export function toJson({ ok, checks }: Examination): string {
  const entries = checks.map(({ name, state, found, needed, mend }) => ({
    name,
    state,
    found,
    needed,
    mend: mend ?? null,
  }));
  return `${JSON.stringify({ ok, checks: entries })}\n`;
}

function described({ state, found, needed }: Check): string {
  const inOneLine = found.replaceAll('\n', ' / ');
  return state === 'ok' ? inOneLine : `${inOneLine} (needed: ${needed})`;
}

function answer(checks: readonly Check[]): string {
  const lacks = checks.filter(({ state, follows }) => state === 'lacking' && follows !== true).length;
  if (lacks === 0) return 'This host can run postern';
  return `This host cannot run postern yet: ${lacks} ${lacks === 1 ? 'lack' : 'lacks'}`;
}
