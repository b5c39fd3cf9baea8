// An examination as lines for a reader, or as JSON for a program.
import type { Check, CheckState } from './check.js';
import type { Examination } from './examine.js';

const COLOURS: Readonly<Record<CheckState, number>> = { ok: 32, lacking: 31, absent: 33 };
const STATE_WIDTH = 'lacking'.length + 2;
const FIX_INDENT = ' '.repeat(STATE_WIDTH + 4);

/** For programs: the words that follow are separated by single spaces, and none has a space in it. */
const OPTIONS = 'container options:';

/**
 * A line for each check, what fixes it indented below, and the answer on the last line. In a container whose options forbid something,
 * the line before that begins with `container options:` and has the options that allow it.
 */
export function describeExamination({ ok, checks, container }: Examination, colour: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const paint = (state: CheckState, text: string): string =>
    colour ? `\u001b[${COLOURS[state]}m${text}\u001b[0m` : text;
  const lines = checks.flatMap((check, index) => [
    `${paint(check.state, check.state.padEnd(STATE_WIDTH))}${check.name.padEnd(width)}${described(check)}`,
    ...fixOf(check, checks.slice(0, index))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `${FIX_INDENT}${line}`),
  ]);
  const options = container?.options === undefined ? [] : [[OPTIONS, ...container.options].join(' ')];
  return `${[...lines, ...options, paint(ok ? 'ok' : 'lacking', answer(checks))].join('\n')}\n`;
}

/** Many lines are shown once. */
function fixOf({ fix = '' }: Check, before: readonly Check[]): string {
  const same = before.find((other) => other.fix === fix);
  return same === undefined || !fix.includes('\n') ? fix : `As for "${same.name}".`;
}

export function toJson({ ok, checks, container }: Examination): string {
  const entries = checks.map(({ name, state, found, needed, fix }) => ({
    name,
    state,
    found,
    needed,
    fix: fix ?? null,
  }));
  const { kind, sign, options, fix } = container ?? {};
  const advice = container === undefined ? null : { kind, sign, options: options ?? null, fix };
  return `${JSON.stringify({ ok, checks: entries, container: advice })}\n`;
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
