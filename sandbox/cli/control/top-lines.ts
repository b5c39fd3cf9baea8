// The table of `top` as lines that fit a terminal: on a narrow one columns are left out, and on a low one rows. Pure.
import { printable } from '../../../shared/printable.js';
import type { TopReport } from '../../supervisor/control/control-target.js';
import { lasted } from './table.js';
import type { TopRow } from './top-rates.js';

export interface Size {
  /** In characters. */
  readonly columns: number;
  readonly rows: number;
}

interface Column {
  readonly title: string;
  readonly cell: (row: TopRow) => string;
  /** Where there is no room for all, the column with the highest number goes first. */
  readonly rank: number;
}

const COLUMNS: readonly Column[] = [
  { title: 'PLUGIN', rank: 0, cell: ({ name }) => name },
  { title: 'STATE', rank: 5, cell: ({ state }) => state },
  { title: 'CONNS', rank: 3, cell: ({ connections }) => amount(connections) },
  { title: 'CONN/S', rank: 6, cell: (row) => amount(row.connects_per_second) },
  { title: 'DENIED/S', rank: 4, cell: (row) => amount(row.denials_per_second) },
  { title: 'SENT/S', rank: 7, cell: (row) => amount(row.sent_bytes_per_second) },
  { title: 'RECV/S', rank: 8, cell: (row) => amount(row.received_bytes_per_second) },
  { title: 'SENT', rank: 10, cell: ({ sent_bytes: sent }) => amount(sent) },
  { title: 'RECEIVED', rank: 11, cell: ({ received_bytes: received }) => amount(received) },
  { title: 'WAITING', rank: 9, cell: ({ waiting }) => amount(waiting) },
  {
    title: 'MEMORY',
    rank: 2,
    cell: ({ memory_bytes: memory, measured }) => `${amount(memory)}${measured === 'part' ? '+' : ''}`,
  },
  { title: 'CPU%', rank: 1, cell: (row) => amount(row.cpu_percent) },
];
const WORDS = 2;
const GAP = '  ';
const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

/**
 * @param size undefined: as wide and long as it needs to be
 * @returns the head of the report, the head of the table, and a line for each plugin
 */
export function topLines(report: TopReport, rows: readonly TopRow[], size?: Size): readonly string[] {
  const cells = rows.map((row) => COLUMNS.map(({ cell }) => printable(cell(row))));
  const widths = COLUMNS.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const shown = columnsThatFit(widths, size?.columns);
  const line = (words: readonly string[]): string =>
    shown
      .map((at) => {
        const [word = '', width = 0] = [words[at], widths[at]];
        return at < WORDS ? word.padEnd(width) : word.padStart(width);
      })
      .join(GAP);
  const head = `postern for ${lasted(report.for_ms)}, ${rows.length} plugin${rows.length === 1 ? '' : 's'}`;
  const lines = [head, line(COLUMNS.map(({ title }) => title)), ...cells.map(line)];
  if (size === undefined) return lines.map((text) => text.trimEnd());
  const most = Math.max(3, size.rows);
  const left = lines.length - most;
  const kept = left > 0 ? [...lines.slice(0, most - 1), `and ${left + 1} more`] : lines;
  return kept.map((text) => text.trimEnd().slice(0, size.columns));
}

/** @returns the indexes of the columns, in their order */
function columnsThatFit(widths: readonly number[], most = Number.POSITIVE_INFINITY): readonly number[] {
  let shown = COLUMNS.map((_, at) => at);
  const width = (): number =>
    shown.reduce((sum, at) => sum + (widths[at] ?? 0), GAP.length * (shown.length - 1));
  while (shown.length > 1 && width() > most) {
    const last = shown.reduce((a, b) => ((COLUMNS[a]?.rank ?? 0) > (COLUMNS[b]?.rank ?? 0) ? a : b));
    shown = shown.filter((at) => at !== last);
  }
  return shown;
}

/** @returns for example `17`, `1.2K` or `530M`: units of 1024 from 10,000 on; `-` where it is not known */
export function amount(value: number | null): string {
  if (value === null || !Number.isFinite(value) || value < 0) return '-';
  if (value < 10_000) return String(Number(value.toFixed(1)));
  let [left, unit] = [value, 0];
  while (left >= 1024 && unit < UNITS.length - 1) [left, unit] = [left / 1024, unit + 1];
  return `${left < 10 ? left.toFixed(1) : Math.round(left)}${UNITS[unit]}`;
}
