// Which requests of a gateway's host one set of rules lets through and another one does not. Pure.
//
// The answer is exact, and it is found by asking the decision itself, as compare-policies.ts does for destinations. A path is read segment by segment, and
// what has been read so far has led each pattern of both sides to some of its places. Two beginnings that have led all patterns to the same places are told
// apart by no end. So one beginning of each kind is followed, the shortest, and there are finitely many. At each, a request is asked of both sides for each
// method, with the fewest parameters with which an allow rule of the one side lets it through, and with those that a deny rule of the other side needs.
//
//   segments    each that a pattern expects next, the same in other letters (deny rules ignore their case), and one that no rule knows
//   readings    with a parameter behind `;`, and with an encoded slash: servers read both in several ways, and a pattern has places for each of them
//   methods     each that a rule names, and one that none names
//
// Fewest parameters are enough: a rule asks for parameters and never for their absence, so further ones only make a deny rule cover more.

import {
  bare,
  decideHttp,
  type HttpRule,
  type HttpRules,
  hasParameters,
  nextPlaces,
  placesAtStart,
  splitSlashes,
} from './http-rules.js';

/** Requests that one set of rules lets through and the other does not. */
export interface HttpOpening {
  /** `*` stands for every method that no rule names. */
  readonly methods: readonly string[];
  /** The path of one such request, with its query. */
  readonly target: string;
  /** The allow rule that lets it through; undefined where none is needed. */
  readonly rule: string | undefined;
  /** The deny rule of the other side; undefined if no rule there allows it. */
  readonly denied: string | undefined;
}

/** The example of a path that servers may read in more than one way. */
export const UNREADABLE = '/%';

export interface HttpComparison {
  /** An example for each pair of rules, the shortest first. */
  readonly openings: readonly HttpOpening[];
  /** Whether all was looked at: without an opening, the one set of rules then lies within the other. */
  readonly isWhole: boolean;
}

/**
 * Finds what `inner` lets through and `outer` does not.
 *
 * @param most beginnings of paths that are looked at. Rules with several `**` before other segments have many: thousands, and seldom more
 */
export function httpOpenings(
  inner: HttpRules,
  outer: HttpRules,
  most: number = Number.POSITIVE_INFINITY,
): HttpComparison {
  const methods = methodsOf([...inner.allow, ...inner.deny, ...outer.allow, ...outer.deny]);
  const queries = queriesOf(inner, outer);
  const found = new Map<string, HttpOpening>();
  const told = new Set<string>();
  const ask = (path: string): void => {
    for (const query of queries)
      for (const { method, shown } of methods) {
        const target = `${path}${query}`;
        const one = decideHttp(inner, { method, target });
        if (one.decision !== 'allow') continue;
        const other = decideHttp(outer, { method, target });
        if (other.decision !== 'deny') continue;
        const pair = JSON.stringify([one.rule, other.rule]);
        if (told.has(`${shown} ${pair}`)) continue;
        told.add(`${shown} ${pair}`);
        const key = `${target} ${pair}`;
        const before = found.get(key)?.methods ?? [];
        found.set(key, { methods: [...before, shown], target, rule: one.rule, denied: other.rule });
      }
  };
  const paths = pathsOf(inner, outer, most);
  let next = paths.next();
  for (; next.done !== true; next = paths.next()) ask(next.value);
  // Without a rule, also a path goes through that can be read in more than one way.
  ask(UNREADABLE);
  return { openings: [...found.values()], isWhole: next.value };
}

/**
 * One path of each kind that the rules tell apart, short ones first, of those that `inner` may let through.
 *
 * @returns whether there are no more
 */
function* pathsOf(inner: HttpRules, outer: HttpRules, most: number): Generator<string, boolean> {
  const passing = distinctTracks(inner.allow.map(({ segments }) => new Track(segments, false)));
  const tracks = distinctTracks([...passing, ...otherTracks(inner, outer)]);
  const pieces = piecesFor(tracks);
  const begun = beginsIn(tracks);
  const [known, covered] = [new Set<string>(), new Set<string>()];
  const waiting: Beginning[] = [{ done: '', open: '', states: tracks.map(({ start }) => start) }];
  for (let at = 0; at < Math.min(waiting.length, most); at += 1) {
    const { done, open, states } = waiting[at] as Beginning;
    const covers = tracks.map((track, index) => track.covers(states[index] ?? OVER));
    const mayPass = passing.length === 0 || covers.slice(0, passing.length).includes(true);
    // Where the same rules cover two paths, they are decided alike.
    if (open === '' && mayPass && !covered.has(covers.join())) {
      covered.add(covers.join());
      yield done === '' ? '/' : done;
    }
    const steps = pieces(states).flatMap((piece) => [stepOf(open, piece, true), stepOf(open, piece, false)]);
    for (const step of steps) {
      const next = tracks.map((track, index) => track.next(states[index] ?? OVER, step));
      if (passing.length > 0 && passing.every((_, index) => next[index] === OVER)) continue;
      const then = step.isLast
        ? { done: `${done}/${step.segment}`, open: '', states: next }
        : { done, open: step.text, states: next };
      const key = `${next.join()} ${begun(then.open)}`;
      if (known.has(key)) continue;
      known.add(key);
      waiting.push(then);
    }
  }
  return waiting.length <= most;
}

function otherTracks(inner: HttpRules, outer: HttpRules): readonly Track[] {
  return [
    ...outer.allow.map(({ segments }) => new Track(segments, false)),
    // A deny rule is asked with its own slashes split, too.
    ...[...inner.deny, ...outer.deny].flatMap(({ segments }) => [
      new Track(segments, true),
      new Track(splitSlashes(segments), true),
    ]),
  ];
}

/** What has been read of a path. */
interface Beginning {
  /** Whole segments. */
  readonly done: string;
  /** The pieces so far of a segment with encoded slashes, each with its slash. */
  readonly open: string;
  /** Of each track. */
  readonly states: readonly number[];
}

const SLASH = '%2F';

interface Step {
  /** The pieces of the segment so far, and what follows. */
  readonly text: string;
  readonly segment: string;
  readonly isLast: boolean;
  /** What each reading takes in; undefined: nothing yet. */
  readonly taken: readonly (string | undefined)[];
}

function stepOf(open: string, piece: string, isLast: boolean): Step {
  const segment = `${open}${piece}`;
  return {
    text: `${segment}${isLast ? '/' : SLASH}`,
    segment,
    isLast,
    taken: [
      ...(isLast ? [segment, bareOf(segment)] : [undefined, undefined]),
      // In these an encoded slash is a separator.
      ...[piece, bareOf(piece)],
      // Behind the first parameter nothing is left of the segment.
      open.includes(';') ? undefined : bareOf(piece),
    ],
  };
}

const WHOLE_READINGS = 2;
const READINGS = 5;

function bareOf(segment: string): string {
  return bare([segment])[0] ?? segment;
}

/** The pattern covers no path that begins so. */
const OVER = 0;

/**
 * A pattern, and the places to which each reading of a path leads in it. An allow rule is asked for the split readings with its own slashes split, and covers
 * a path in every reading. A deny rule covers it in one.
 */
class Track {
  readonly key: string;
  readonly pattern: readonly string[];
  readonly isDeny: boolean;
  readonly start: number;
  readonly #patterns: readonly (readonly string[])[];
  /** The places of each reading, by their number. */
  readonly #states: (readonly (readonly number[])[])[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #next: Map<string, number>[] = [];

  constructor(pattern: readonly string[], isDeny: boolean) {
    this.key = `${isDeny}/${pattern.join('/')}`;
    this.pattern = pattern;
    this.isDeny = isDeny;
    const split = isDeny ? pattern : splitSlashes(pattern);
    this.#patterns = Array.from({ length: READINGS }, (_, at) => (at < WHOLE_READINGS ? pattern : split));
    this.#numberOf(this.#patterns.map(() => []));
    this.start = this.#numberOf(this.#patterns.map((one) => placesAtStart(one)));
  }

  next(state: number, { text, taken }: Step): number {
    const known = this.#next[state]?.get(text);
    if (known !== undefined) return known;
    const places = this.#patterns.map((pattern, reading) => {
      const [before = [], segment] = [this.#states[state]?.[reading], taken[reading]];
      return segment === undefined ? before : nextPlaces(pattern, before, segment, this.isDeny);
    });
    const isOver = ({ length }: readonly number[]): boolean => length === 0;
    const next = (this.isDeny ? places.every(isOver) : places.some(isOver)) ? OVER : this.#numberOf(places);
    this.#next[state]?.set(text, next);
    return next;
  }

  covers(state: number): boolean {
    const isAtEnd = (places: readonly number[], reading: number): boolean =>
      places.includes(this.#patterns[reading]?.length ?? 0);
    const places = this.#states[state] ?? [];
    return this.isDeny ? places.some(isAtEnd) : places.every(isAtEnd);
  }

  /** The segments that it expects next. */
  expected(state: number): readonly string[] {
    return (this.#states[state] ?? []).flatMap((places, reading) =>
      places.flatMap((place) => this.#patterns[reading]?.[place] ?? []),
    );
  }

  #numberOf(places: readonly (readonly number[])[]): number {
    const key = places.map((one) => one.toSorted((a, b) => a - b).join()).join(' ');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#states.length);
    this.#next.push(new Map());
    return this.#states.push(places) - 1;
  }
}

function distinctTracks(tracks: readonly Track[]): readonly Track[] {
  return [...new Map(tracks.map((track) => [track.key, track])).values()];
}

/** Of the pieces so far it counts which segment of a pattern they begin. */
function beginsIn(tracks: readonly Track[]): (open: string) => string {
  const begins = (text: string): string => {
    const lower = text.toLowerCase();
    const isKnown = tracks.some(({ pattern }) => pattern.some((one) => one.toLowerCase().startsWith(lower)));
    return isKnown ? text : '';
  };
  const made = new Map<string, string>([['', '']]);
  return (open) => {
    const known =
      made.get(open) ?? [begins(open), bareOf(open) === open ? '' : `;${begins(bareOf(open))}`].join(' ');
    made.set(open, known);
    return known;
  };
}

/** @returns for the states of all tracks: a piece of each kind that they tell apart */
function piecesFor(tracks: readonly Track[]): (states: readonly number[]) => readonly string[] {
  const literals = [...new Set(tracks.flatMap(({ pattern }) => pattern.flatMap((one) => one.split(SLASH))))];
  const ignoresCase = tracks.some(({ isDeny }) => isDeny);
  const bares = literals.map(bareOf);
  const parameters = literals.map((one) => one.slice(bareOf(one).length));
  const [fresh, other] = [freshIn(bares, 'x'), freshIn(parameters, ';x')];
  const cases = (text: string, all: readonly string[]): readonly string[] =>
    ignoresCase ? [text, ...otherCase(text, all)] : [text];
  const made = new Map<string, readonly string[]>();
  return (states) => {
    const awaited = [
      ...new Set(
        tracks.flatMap((track, index) =>
          track.expected(states[index] ?? OVER).flatMap((one) => one.split(SLASH)),
        ),
      ),
    ];
    const key = awaited.sort().join('/');
    const known = made.get(key);
    if (known !== undefined) return known;
    const literal = awaited.filter((one) => !one.includes('*'));
    const pieces = [...literal.flatMap((one) => cases(bareOf(one), bares)), fresh].flatMap((one) =>
      ['', other, ...literal.flatMap((two) => cases(two.slice(bareOf(two).length), parameters))].map(
        (end) => `${one}${end}`,
      ),
    );
    const all = [...new Set(pieces)];
    made.set(key, all);
    return all;
  };
}

function freshIn(known: readonly string[], start: string): string {
  const lower = new Set(known.map((one) => one.toLowerCase()));
  for (let count = 0; ; count += 1) {
    const one = `${start}${count === 0 ? '' : count}`;
    if (!lower.has(one)) return one;
  }
}

/** The same in other letters, as no pattern has it; none where the patterns have all. What is encoded has no other letters. */
function otherCase(text: string, known: readonly string[]): readonly string[] {
  const letters = [...text.matchAll(/%..|[A-Za-z]/g)].filter(([one]) => one.length === 1);
  for (let mask = 1; mask < 2 ** Math.min(letters.length, 30); mask += 1) {
    const chars = [...text];
    letters.forEach(({ index }, bit) => {
      const char = chars[index] ?? '';
      if ((mask & (1 << bit)) !== 0)
        chars[index] = char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase();
    });
    const one = chars.join('');
    if (!known.includes(one)) return [one];
  }
  return [];
}

// Methods.

const COMMON = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

function methodsOf(
  rules: readonly HttpRule[],
): readonly { readonly method: string; readonly shown: string }[] {
  const named = [...new Set(rules.flatMap(({ methods = [] }) => methods))];
  const free = COMMON.find((one) => !named.includes(one)) ?? freshMethod(named);
  return [...named.map((method) => ({ method, shown: method })), { method: free, shown: '*' }];
}

function freshMethod(named: readonly string[]): string {
  let method = 'X';
  while (named.includes(method)) method += 'X';
  return method;
}

// Queries.

/** Each of an allow rule of the one side, alone and with what a deny rule of the other side needs. */
function queriesOf(inner: HttpRules, outer: HttpRules): readonly string[] {
  const all = [inner.allow, inner.deny, outer.allow, outer.deny].flat().flatMap(({ query }) => query);
  const fresh = freshIn(
    all.flatMap(({ value }) => value ?? []),
    'x',
  );
  const allowing = inner.allow.length === 0 ? [[]] : inner.allow.map(({ query }) => query);
  const queries = allowing.flatMap((wanted) =>
    [[], ...outer.deny.map(({ query }) => query)].map((more) => {
      const parameters = new URLSearchParams();
      for (const { name, value = fresh } of wanted)
        if (!parameters.getAll(name).includes(value)) parameters.append(name, value);
      for (const one of more) {
        if (hasParameters({ query: [one] }, parameters, 'some')) continue;
        // A deny rule ignores the case of a value, and the allow rule does not.
        const same = wanted.find(({ value }) => value?.toLowerCase() === one.value?.toLowerCase());
        parameters.append(one.name, same?.value ?? one.value ?? fresh);
      }
      const text = parameters.toString();
      return text === '' ? '' : `?${text}`;
    }),
  );
  return [...new Set(queries)];
}
