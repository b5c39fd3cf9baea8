// Reads the listed differences of docs/differences.md, and writes the figures there. Pure.

import type { Figures } from './figures.js';
import type { Listed } from './judge.js';

export const HEADING = '## Tests of other people that show it';
const LIST_HEAD = '| suite | tests | reason |\n|---|---|---|\n';
const BEGIN = '<!-- Written by npm run suites -- --write -->';
const END = '<!-- End of the table -->';
const HEAD = ['| suite | version | ran | tests compared | the same | differ |', '|---|---|---|---|---|---|'];

/** Of a reason that does not hold where a plugin has AF_UNIX datagram sockets. */
const WITHOUT_DATAGRAMS = 'before Linux 7.1';

/** A row names one suite, and tests in backquotes. "(root)" behind a test means: only where root starts postern. */
export function readListed(page: string, datagrams = false): Listed[] {
  const [, section] = page.split(`\n${HEADING}\n`);
  const [, table] = section?.split(LIST_HEAD) ?? [];
  if (table === undefined) throw new Error(`The page has no section "${HEADING}" with a table of tests`);
  const [rows = ''] = table.split('\n\n');
  return rows.split('\n').flatMap((row) => {
    const [, suite = '', tests = '', reason = ''] = row.split('|').map((cell) => cell.trim());
    if (datagrams && reason.includes(WITHOUT_DATAGRAMS)) return [];
    return [...tests.matchAll(/`([^`]+)`(?: \((root|user)\))?/g)].map(([, test = '', startedBy]) => ({
      ...{ suite, test },
      ...(startedBy === 'root' || startedBy === 'user' ? { startedBy } : {}),
    }));
  });
}

/** @param order the suites, as their rows stand @returns the page, where each of these figures has replaced its suite's row */
export function withFigures(page: string, order: readonly string[], figures: readonly Figures[]): string {
  const [before, rest] = page.split(BEGIN);
  const [old, after] = rest?.split(END) ?? [];
  if (before === undefined || old === undefined || after === undefined)
    throw new Error(`The page has no place for the table: "${BEGIN}" and "${END}"`);
  const rows = new Map<string, string>();
  for (const line of old.split('\n')) {
    const name = /^\| [^|]* \(`([^`]+)`\) \|/.exec(line)?.[1];
    if (name !== undefined) rows.set(name, line);
  }
  for (const one of figures) rows.set(one.suite, rowOf(one));
  const lines = [...HEAD, ...order.flatMap((name) => rows.get(name) ?? [])];
  return `${before}${BEGIN}\n${lines.join('\n')}\n${END}${after}`;
}

function rowOf(one: Figures): string {
  const ran = `${one.parts} of ${one.ofParts} parts`;
  const counts = [one.compared, one.same, one.differ].map(String);
  return `| ${[`${one.title} (\`${one.suite}\`)`, one.version, ran, ...counts].join(' | ')} |`;
}
