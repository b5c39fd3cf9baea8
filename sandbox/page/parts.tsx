// What all views are made of. Each text of a plugin goes through <Text>: it is shown as text, and a character that would change how others look is shown as its
// escape sequence. Runs in the browser, and in Node where a report is written.
import type { ComponentChildren, JSX } from 'preact';
import { amount } from '../../shared/amounts.js';
import { printable } from '../../shared/printable.js';

const LONGEST_TEXT = 300;

/** A text that a plugin may have chosen. */
export function Text({ of: text }: { readonly of: string }): JSX.Element {
  const shown = printable(text);
  return <bdi>{shown.length > LONGEST_TEXT ? `${shown.slice(0, LONGEST_TEXT)}…` : shown}</bdi>;
}

export function Code({ of: text }: { readonly of: string }): JSX.Element {
  return (
    <code>
      <Text of={text} />
    </code>
  );
}

export function Count({ of: value }: { readonly of: number | null }): JSX.Element {
  return <>{amount(value)}</>;
}

/** @returns the time of day of ISO 8601 in UTC */
export function timeOf(ts: string): string {
  return printable(ts.slice(11, 23));
}

export interface TableColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly right?: true;
  /** In one line. */
  readonly tight?: true;
  /** Left out where the page is narrow. */
  readonly wide?: true;
}

interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly TableColumn<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row, at: number) => string;
  readonly empty: string;
  readonly toneOf?: (row: Row) => Tone | undefined;
  /** How many rows are not shown. */
  readonly more?: number;
}

export type Tone = 'bad' | 'warn' | 'good' | 'dim';

/** One that is too wide is scrolled, also by keys. */
export function Table<Row>({
  label,
  columns,
  rows,
  keyOf,
  empty,
  toneOf,
  more = 0,
}: TableProps<Row>): JSX.Element {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const classOf = ({ right, tight, wide }: TableColumn<Row>): string =>
    [right && 'right', tight && 'tight', wide && 'wide'].filter(Boolean).join(' ');
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keys */}
      <section class="scroll" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.title} scope="col" class={classOf(column)}>
                  {column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={keyOf(row, at)} class={toneOf?.(row) ?? ''}>
                {columns.map((column) => (
                  <td key={column.title} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {more > 0 && <p class="empty">and {more} more: narrow the search</p>}
    </>
  );
}

export function Chip({
  tone,
  children,
}: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
}): JSX.Element {
  return <span class={`chip ${tone}`}>{children}</span>;
}

const WIDTH = 120;
const HEIGHT = 24;

/** The numbers stand beside it, so nobody has to read it. Null: not known. */
export function Sparkline({
  values,
  tone,
}: {
  readonly values: readonly (number | null)[];
  readonly tone: Tone;
}): JSX.Element {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map(
    (value, at) =>
      `${(at * step).toFixed(1)},${(HEIGHT - 1 - ((value ?? 0) / most) * (HEIGHT - 2)).toFixed(1)}`,
  );
  return (
    <svg
      class={`spark ${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <polyline points={points.join(' ')} />
    </svg>
  );
}
