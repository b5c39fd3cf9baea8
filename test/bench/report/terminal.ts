// The report as text for a terminal.
import type { AimResult, FigureResult, MeasureResult, Row } from '../summarize.js';
import { textOfHost } from './describe-host.js';
import { labelOf, measuredText } from './label-of.js';
import { percent, short, WIDE_SPREAD } from './numbers.js';
import type { Report } from './report.js';

export function textOfReport({ measures, failed }: Report): string {
  return [
    ...new Set(measures.map(({ host }) => textOfHost(host))),
    ...measures.flatMap(textOfMeasure),
    '',
    ...failed.map(({ name, why }) => `${name}: FAILED, ${why}`),
    "Medians of the rounds. A ratio is the median of each round's ratio. The spread is that of the ratios, or of the values where",
    'there is no ratio: the middle 80 %, as a share of the median.',
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
  const [first] = rows.flatMap(({ checkout }) => checkout ?? []);
  const columns: Column[] = [
    { head: title, cell: ({ contestant, checkout }) => labelOf(contestant, checkout) },
    { head: unit, cell: (row) => short(row.median) },
    { head: `to ${baseline}`, cell: ({ ratio }) => (ratio === undefined ? '' : short(ratio)) },
    { head: 'spread', cell: (row) => textOfSpread(row.ratioSpread ?? row.spread) },
    { head: `to ${first}`, cell: ({ change }) => (change === undefined ? '' : short(change)) },
    { head: 'spread', cell: (row) => textOfSpread(row.changeSpread) },
  ];
  const changed = rows.some(({ change }) => change !== undefined);
  const shown = columns.filter((_, index) => (index === 2 ? baseline !== undefined : index < 4 || changed));
  const table = [shown.map(({ head }) => head), ...rows.map((row) => shown.map(({ cell }) => cell(row)))];
  const widths = shown.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const lines = table.map((cells) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  return [...lines, ...aims.map(textOfAim)].map((line) => `  ${line}`);
}

interface Column {
  readonly head: string;
  readonly cell: (row: Row) => string;
}

function textOfSpread(value: number | undefined): string {
  if (value === undefined) return '';
  return `${percent(value)}${value > WIDE_SPREAD ? ' WIDE' : ''}`;
}

function textOfAim(aim: AimResult): string {
  const { text, checkout, met } = aim;
  const verdict = met === undefined ? '' : met ? ': met' : ': MISSED';
  const measured = met === undefined ? '' : 'measured ';
  return `aim: ${labelOf(text, checkout)}; ${measured}${measuredText(aim)}${verdict}`;
}
