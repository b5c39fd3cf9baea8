// The figures as horizontal bars, an SVG. The scale is logarithmic: a bar that is one step longer is ten times as much.
import type { FigureResult, MeasureResult, Row } from '../summarize.js';
import { short } from './numbers.js';

const WIDTH = 860;
const LEFT = 210;
const BARS = 440;
const LINE = 20;
const BAR = 14;
const HEAD = 44;
const GAP = 24;

const COLOURS: Readonly<Record<Row['role'], string>> = {
  direct: '#8a8f98',
  limit: '#5b8db8',
  postern: '#c8553d',
  peer: '#c9a227',
};

/** Figures with `charted` set, each a group of bars. */
export function chartOf(measures: readonly MeasureResult[]): string {
  const charted = measures.flatMap(({ title, figures }) =>
    figures.filter((figure) => figure.charted).map((figure) => ({ title, figure })),
  );
  let top = GAP;
  const groups = charted.map(({ title, figure }) => {
    const group = groupOf(title, figure, top);
    top += HEAD + figure.rows.length * LINE + GAP;
    return group;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" role="img">`,
    '<title>What postern costs</title>',
    '<style>text{font:13px sans-serif;fill:#24292f}.head{font-weight:600}.note{font-size:12px;fill:#57606a}</style>',
    `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`,
    ...groups,
    '</svg>',
    '',
  ].join('\n');
}

function groupOf(title: string, { title: what, unit, better, rows }: FigureResult, top: number): string {
  const values = rows.map(({ median }) => median).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  // One step is left of the lowest power of ten, so that its bar has a length.
  const place = (value: number): number =>
    LEFT + (BARS * Math.max(0, Math.log10(value) - low + 0.25)) / (high - low + 0.25);
  const first = top + HEAD;
  const end = first + rows.length * LINE;
  const powers = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return [
    `<text class="head" x="16" y="${top + 6}">${escaped(`${title}: ${what}, ${unit} (${better} is better)`)}</text>`,
    ...powers.map((power) => {
      const x = place(power).toFixed(1);
      const text = power.toLocaleString('en', { maximumFractionDigits: 6 });
      return `<line x1="${x}" x2="${x}" y1="${first - 6}" y2="${end}" stroke="#d0d7de"/><text class="note" text-anchor="middle" x="${x}" y="${first - 10}">${text}</text>`;
    }),
    ...rows.map((row, index) => barOf(row, first + index * LINE, place)),
  ].join('\n');
}

function barOf(
  { contestant, role, median, ratio }: Row,
  top: number,
  place: (value: number) => number,
): string {
  const end = median > 0 ? place(median) : LEFT;
  const text = ratio === undefined ? short(median) : `${short(median)}   × ${short(ratio)}`;
  return [
    `<text text-anchor="end" x="${LEFT - 8}" y="${top + 12}">${escaped(contestant)}</text>`,
    `<rect x="${LEFT}" y="${top + 1}" width="${(end - LEFT).toFixed(1)}" height="${BAR}" fill="${COLOURS[role]}"/>`,
    `<text class="note" xml:space="preserve" x="${(end + 6).toFixed(1)}" y="${top + 12}">${escaped(text)}</text>`,
  ].join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
