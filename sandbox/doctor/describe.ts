// An examination as lines for a reader, or as JSON for a program.
import type { Check, CheckState } from './check-result.js';
import type { Examination } from './examine.js';

const COLOURS: Readonly<Record<CheckState, number>> = { ok: 32, missing: 31, degraded: 33 };
const STATE_WIDTH = 'degraded'.length + 2;
const FIX_INDENT = ' '.repeat(STATE_WIDTH + 4);

/** Programs read this line: the words after it are separated by single spaces, and no word holds a space. */
const OPTIONS = 'container options:';

/**
 * One line for each check, its fix indented below it, and the answer on the last line.
 *
 * In a container whose options forbid something, the line before the last one begins with `container options:` and lists the
 * options that allow it.
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
  return `${[...lines, ...options, paint(ok ? 'ok' : 'missing', answer(checks))].join('\n')}\n`;
}

/** A fix of several lines is shown once; later checks with the same fix name the first. */
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
  const missing = checks.filter(({ state, follows }) => state === 'missing' && follows !== true).length;
  if (missing === 0) return 'This host can run postern';
  return `This host cannot run postern yet: ${missing} ${missing === 1 ? 'requirement is' : 'requirements are'} missing`;
}
