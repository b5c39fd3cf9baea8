// Runs a part of a suite outside and inside, and compares the outcomes.
import type { User } from '../harness/users.js';
import { type Difference, differences, passedInAll } from './compare.js';
import type { Place, Places } from './places.js';
import type { Outcome, Outcomes, Part, Suite } from './suite.js';

interface Inside {
  readonly startedBy: User;
  readonly seconds: number;
  readonly differences: readonly Difference[];
}

export interface PartResult {
  readonly suite: string;
  readonly part: string;
  /** The tests that passed outside each time. */
  readonly compared: readonly string[];
  readonly inside: readonly Inside[];
}

const RUNS_OUTSIDE = 2;
const REPEATS = 2;
const ONE_TEST_SECONDS = 30;
/** Beyond this number no chance is to be ruled out. */
const MOST_REPEATED = 40;

export interface PartOptions {
  readonly startedBy: readonly User[];
  /** A difference that is known is not tried again. */
  readonly isKnown: (test: string, startedBy: User) => boolean;
  /** Called after each run. */
  readonly say: (text: string) => void;
}

export async function runPart(
  suite: Suite,
  part: Part,
  places: Places,
  { startedBy, isKnown, say }: PartOptions,
): Promise<PartResult> {
  await suite.prepare(part, places);
  const once = async (place: Place): Promise<{ readonly outcomes: Outcomes; readonly seconds: number }> => {
    const ran = await places.run(place, suite.plan(part, places), part.seconds);
    const outcomes = suite.parse(ran.results, part);
    const late = ran.timedOut ? `, ended after ${part.seconds} s` : '';
    say(`${place}: ${count(outcomes)}${late}, ${ran.seconds.toFixed(1)} s`);
    if (outcomes.size === 0) say(ran.said);
    return { outcomes, seconds: ran.seconds };
  };
  const alone = async (place: Place, test: string): Promise<Outcome | undefined> => {
    const { results } = await places.run(place, suite.plan(part, places, test), ONE_TEST_SECONDS);
    return suite.parse(results, part).get(test);
  };
  const outside: Outcomes[] = [];
  for (let run = 0; run < RUNS_OUTSIDE; run += 1) outside.push((await once('outside')).outcomes);
  const passed = passedInAll(outside);
  const unsteady = new Set<string>();
  const inside: Inside[] = [];
  for (const user of startedBy) {
    const { outcomes, seconds } = await once(user);
    const found = differences(passed, outcomes);
    const unknown = found.filter(({ test }) => !isKnown(test, user));
    const stays: Difference[] = [];
    for (const difference of found) {
      const { test } = difference;
      const repeats = unknown.includes(difference) && unknown.length <= MOST_REPEATED;
      const again = repeats ? await repeatedly(test, user, alone) : difference.inside;
      if (again === 'fails outside') unsteady.add(test);
      else if (again?.state !== 'ok') stays.push({ test, inside: again });
      const result = again === 'fails outside' ? again : (again?.state ?? 'not run');
      say(`${user}: ${repeats ? 'alone, ' : ''}${result}: ${test}`);
    }
    inside.push({ startedBy: user, seconds, differences: stays });
  }
  return {
    suite: suite.name,
    part: part.name,
    compared: passed.filter((test) => !unsteady.has(test)),
    inside,
  };
}

/** @returns the outcome inside, of the last time it ran alone. A test that does not pass alone outside shows nothing. */
async function repeatedly(
  test: string,
  user: User,
  alone: (place: Place, test: string) => Promise<Outcome | undefined>,
): Promise<Outcome | undefined | 'fails outside'> {
  let outcome: Outcome | undefined;
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    if ((await alone('outside', test))?.state !== 'ok') return 'fails outside';
    outcome = await alone(user, test);
    if (outcome?.state === 'ok') break;
  }
  return outcome;
}

function count(outcomes: Outcomes): string {
  const of = (state: Outcome['state']): number =>
    [...outcomes.values()].filter((outcome) => outcome.state === state).length;
  return `${of('ok')} ok, ${of('failed')} failed, ${of('skipped')} skipped`;
}
