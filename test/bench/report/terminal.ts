// The report as text for a terminal.
import type { AimResult, FigureResult, MeasureResult, Row } from '../summarize.js';
import { percent, short, WIDE_SPREAD } from './numbers.js';
import type { Report } from './report.js';

export function textOfReport({ host, doubts, measures }: Report): string {
  const { processors, kernel, node, user, load, date } = host;
  return [
    `${processors}, ${kernel}, Node ${node}, ${user}, load ${load.toFixed(2)} at the start, ${date}`,
    ...doubts.map((doubt) => `Doubtful: ${doubt}`),
    ...measures.flatMap(textOfMeasure),
    '',
    "Medians of the rounds. A ratio is the median of each round's ratio. The spread is that of the ratios: the middle 80 % of",
    'them, as a share of the median.',
    '',
  ].join('\n');
}

function textOfMeasure({ name, title, rounds, figures, absent }: MeasureResult): string[] {
  return [
    '',
    `${name}: ${title}, ${rounds} rounds`,
    ...figures.flatMap(textOfFigure),
    ...absent.map(({ name: peer, why }) => `  ${peer}: not measured, ${why}`),
  ];
}

function textOfFigure({ title, unit, baseline, rows, aims }: FigureResult): string[] {
  const changed = rows.some(({ change }) => change !== undefined);
  const [first] = rows.flatMap(({ checkout }) => checkout ?? []);
  const head = [title, unit, `to ${baseline}`, 'spread', ...(changed ? [`to ${first}`, 'spread'] : [])];
  const table = [head, ...rows.map((row) => cellsOf(row, baseline, changed))];
  const widths = head.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const lines = table.map((cells) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  return [...lines, ...aims.map(textOfAim)].map((line) => `  ${line}`);
}

function cellsOf(row: Row, baseline: string, changed: boolean): string[] {
  const isBase = row.contestant === baseline;
  const spreads = (value: number): string => `${percent(value)}${value > WIDE_SPREAD ? ' WIDE' : ''}`;
  return [
    labelOf(row),
    short(row.median),
    isBase ? '' : short(row.ratio),
    spreads(isBase ? row.spread : row.ratioSpread),
    ...(changed
      ? [row.change, row.changeSpread].map((value, index) => optional(value, index === 1, spreads))
      : []),
  ];
}

function optional(value: number | undefined, isSpread: boolean, spreads: (value: number) => string): string {
  if (value === undefined) return '';
  return isSpread ? spreads(value) : short(value);
}

function labelOf({ contestant, checkout }: Pick<Row, 'contestant' | 'checkout'>): string {
  return checkout === undefined || checkout === 'this' ? contestant : `${contestant} (${checkout})`;
}

function textOfAim({ text, checkout, measured, peer, met }: AimResult): string {
  const of = checkout === undefined || checkout === 'this' ? '' : ` (${checkout})`;
  if (measured === undefined) return `aim${of}: ${text}; not measured`;
  const by = peer === undefined ? '' : `, ${peer}`;
  return `aim${of}: ${text}; measured ${short(measured)}${by}: ${met ? 'met' : 'MISSED'}`;
}
