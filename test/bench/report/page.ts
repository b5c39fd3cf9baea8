// The figures as docs/performance.md has them, between its two marks.
import type { AimResult, FigureResult, Row } from '../summarize.js';
import { textOfHost } from './describe-host.js';
import { measuredText } from './label-of.js';
import { percent, short, WIDE_SPREAD } from './numbers.js';
import type { Recorded } from './report.js';

const BEGIN = '<!-- Written by npm run bench -- --write -->';
const END = '<!-- End of the figures -->';

/**
 * @param page the text of the page @returns the text with these figures in place of those that were there
 * @throws Error if the page has no place for them
 */
export function withFigures(page: string, measures: readonly Recorded[]): string {
  const [before, rest] = page.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined)
    throw new Error(`The page has no place for the figures: "${BEGIN}" and "${END}"`);
  return `${before}${BEGIN}\n${textOfFigures(measures)}\n${END}${after}`;
}

function textOfFigures(measures: readonly Recorded[]): string {
  if (measures.length === 0) return 'No run is recorded yet.';
  return [
    '![The figures as bars](performance.svg)\n',
    'Each line says where its figures come from:\n',
    ...hostsOf(measures),
    '',
    '### Aims',
    table(['measure', 'aim', 'measured', ''], measures.flatMap(aimRows)),
    '',
    ...measures.map(textOfMeasure),
  ].join('\n');
}

function hostsOf(measures: readonly Recorded[]): string[] {
  const hosts = new Map<string, string[]>();
  for (const { name, host } of measures) {
    const text = textOfHost(host);
    hosts.set(text, [...(hosts.get(text) ?? []), `\`${name}\``]);
  }
  return [...hosts].map(([text, names]) => `- ${names.join(', ')}: ${text}`);
}

function aimRows({ name, figures }: Recorded): string[][] {
  return figures.flatMap(({ title, aims }) =>
    aims.map((aim) => [`\`${name}\`, ${title}`, aim.text, measuredText(aim), verdict(aim)]),
  );
}

function verdict({ met }: AimResult): string {
  if (met === undefined) return '';
  return met ? 'met' : '**missed**';
}

function textOfMeasure({ name, title, rounds, figures, absent }: Recorded): string {
  return [
    `### ${name}`,
    `What: ${title}. ${rounds} rounds.`,
    '',
    ...figures.map((figure) => `${textOfFigure(figure)}\n`),
    ...absent.map(({ name: peer, why }) => `- ${peer}: not measured. ${why}`),
    ...(absent.length > 0 ? [''] : []),
  ].join('\n');
}

function textOfFigure({ title, unit, baseline, rows }: FigureResult): string {
  const head = [
    `${title}, ${unit}`,
    'median',
    ...(baseline === undefined ? [] : [`to ${baseline}`]),
    'spread',
  ];
  const ratio = (row: Row): string[] =>
    baseline === undefined ? [] : [row.ratio === undefined ? '' : short(row.ratio)];
  return table(
    head,
    rows.map((row) => [
      row.contestant,
      short(row.median),
      ...ratio(row),
      textOfSpread(row.ratioSpread ?? row.spread),
    ]),
  );
}

function textOfSpread(value: number): string {
  return value > WIDE_SPREAD ? `**${percent(value)}: wide**` : percent(value);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
