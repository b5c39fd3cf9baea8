// The outcomes in the output of a Go test binary that runs with -test.v=test2json. Pure.
import type { Outcome, Outcomes } from './suite.js';

/** The binary puts this byte before its own lines, so that no line of a test looks like them. */
const MARK = '\x16';
const STATE = { PASS: 'ok', FAIL: 'failed', SKIP: 'skipped' } as const;
const MAX_WHY = 2_000;

/** @param prefix goes before the name of each test */
export function parseGo(text: string, prefix: string): Outcomes {
  const outcomes = new Map<string, Outcome>();
  // What a test says comes under a line with its name, before the line with its outcome.
  const said = new Map<string, string>();
  let current = '';
  for (const piece of text.split(MARK)) {
    const [line = '', ...rest] = piece.split('\n');
    const name = /^=== (?:RUN|CONT|NAME|PAUSE) +(\S*)$/.exec(line)?.[1];
    if (name !== undefined) current = name;
    const [, word, ended] = /^ *--- (PASS|FAIL|SKIP): (\S+) \(/.exec(line) ?? [];
    if (ended !== undefined) {
      current = ended;
      outcomes.set(prefix + ended, { state: STATE[word as keyof typeof STATE], why: '' });
    }
    said.set(current, ((said.get(current) ?? '') + rest.join('\n')).slice(-MAX_WHY));
  }
  return new Map(
    [...outcomes].map(([name, { state }]) => {
      const why = state === 'ok' ? '' : (said.get(name.slice(prefix.length)) ?? '');
      return [name, { state, why: why.trim() }];
    }),
  );
}
