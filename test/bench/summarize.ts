// From the samples of all rounds to figures: medians, ratios of paired rounds, their spread, and whether the aims are met.
import {
  type Absent,
  type Aim,
  type Contestant,
  type Figure,
  type Measure,
  PEERS,
  type Sample,
} from './measure.js';
import { median, pairedRatios, spread } from './statistics.js';

export interface Row {
  readonly contestant: string;
  readonly role: Contestant['role'];
  readonly checkout?: string;
  readonly median: number;
  readonly spread: number;
  /** To the baseline, the median of the ratios of each round. Missing for the baseline itself, and where there is none. */
  readonly ratio?: number;
  readonly ratioSpread?: number;
  /** To the same contestant of the first checkout. */
  readonly change?: number;
  readonly changeSpread?: number;
  readonly values: readonly number[];
}

export interface AimResult {
  readonly text: string;
  readonly checkout?: string;
  /** Missing where nothing could be compared. */
  readonly measured?: number;
  /** The peer that was compared. */
  readonly peer?: string;
  readonly met?: boolean;
}

export interface FigureResult {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: Figure['better'];
  readonly baseline?: string;
  readonly charted?: true;
  readonly rows: readonly Row[];
  readonly aims: readonly AimResult[];
}

export interface MeasureResult {
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  readonly figures: readonly FigureResult[];
  readonly absent: readonly Absent[];
}

type Values = readonly { readonly one: Contestant; readonly values: readonly number[] }[];

export function summarize(
  measure: Measure,
  samples: ReadonlyMap<Contestant, readonly Sample[]>,
  absent: readonly Absent[],
): MeasureResult {
  const rounds = Math.max(0, ...[...samples.values()].map(({ length }) => length));
  const figures = measure.figures.map((figure) => {
    const values = [...samples].map(([one, all]) => ({
      one,
      values: all.map((sample) => sample[figure.key] ?? Number.NaN),
    }));
    return figureResult(figure, values);
  });
  return { name: measure.name, title: measure.title, rounds, figures, absent };
}

function figureResult(figure: Figure, all: Values): FigureResult {
  const { key, title, unit, better, baseline } = figure;
  const base = baseline === undefined ? undefined : all.find(({ one }) => one.name === baseline);
  if (baseline !== undefined && base === undefined && all.length > 0)
    throw new Error(`No contestant of "${title}" is called "${baseline}"`);
  const rows = all.map(({ one, values }): Row => {
    const ratios = base === undefined || base.one === one ? undefined : pairedRatios(values, base.values);
    const first = all.find((other) => other.one.name === one.name);
    const changes = first === undefined || first.one === one ? undefined : pairedRatios(values, first.values);
    return {
      contestant: one.name,
      role: one.role,
      ...(one.checkout !== undefined && { checkout: one.checkout }),
      median: median(values),
      spread: spread(values),
      ...(ratios !== undefined && { ratio: median(ratios), ratioSpread: spread(ratios) }),
      ...(changes !== undefined && { change: median(changes), changeSpread: spread(changes) }),
      values,
    };
  });
  const aims = figure.aims.flatMap((aim) => {
    const subjects = all.filter(({ one }) => one.name === aim.of);
    // A quick run leaves the largest out.
    if (subjects.length === 0) return [{ text: textOf(aim, unit) }];
    return subjects.map(({ one, values }) => aimResult(aim, figure, one, values, all));
  });
  return {
    ...{ key, title, unit, better, rows, aims },
    ...(baseline !== undefined && { baseline }),
    ...(figure.charted !== undefined && { charted: figure.charted }),
  };
}

function aimResult(
  aim: Aim,
  { better, unit }: Figure,
  one: Contestant,
  values: readonly number[],
  all: Values,
): AimResult {
  const text = textOf(aim, unit);
  const of = one.checkout === undefined ? {} : { checkout: one.checkout };
  const found = compared(aim, better, values, all);
  if (found === undefined) return { text, ...of };
  const met =
    (aim.atMost === undefined || found.measured <= aim.atMost) &&
    (aim.atLeast === undefined || found.measured >= aim.atLeast);
  return { text, ...of, ...found, met };
}

function compared(
  { over, minus }: Aim,
  better: Figure['better'],
  values: readonly number[],
  all: Values,
): { measured: number; peer?: string } | undefined {
  if (minus !== undefined) {
    const other = all.find(({ one }) => one.name === minus);
    if (other === undefined) return undefined;
    return { measured: median(values.map((value, round) => value - (other.values[round] ?? Number.NaN))) };
  }
  if (over === undefined) return { measured: median(values) };
  if (over !== PEERS) {
    const other = all.find(({ one }) => one.name === over);
    return other === undefined ? undefined : { measured: median(pairedRatios(values, other.values)) };
  }
  const ratios = all
    .filter(({ one }) => one.role === 'peer')
    .map((peer) => ({ measured: median(pairedRatios(values, peer.values)), peer: peer.one.name }))
    .sort((a, b) => (better === 'less' ? b.measured - a.measured : a.measured - b.measured));
  return ratios[0];
}

function textOf({ of, over, minus, atMost, atLeast }: Aim, unit: string): string {
  const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  const than = minus === undefined ? unit : `${unit} more than ${minus}`;
  return `${of}: ${bound} ${over === undefined ? than : `times ${over}`}`;
}
