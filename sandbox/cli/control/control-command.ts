// What the commands share that ask a running supervisor: finding it, options, tables, news.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import { windowSize } from '../../../shared/sys/terminal.js';
import type { CommandName } from '../command-table.js';
import { makeCommand } from '../program.js';
import { describeError, type Paint, paint, say } from '../say.js';
import { useWaitingStreams, writeOut } from '../waiting-streams.js';
import {
  type ControlClient,
  type ControlOptions,
  connectControl,
  findControl,
  type News,
} from './control-client.js';

// What all commands of an operator share: their options, the connection, errors and exit status.

export interface AskOptions extends ControlOptions {
  readonly json?: boolean;
}

const STDOUT = 1;

const EXIT = `
It finds the running postern by --control, else by ./postern.yaml or --config, else it takes the only one of this user.
Exit status: 0, 1 where postern refuses or is not reached, 2 for wrong usage.`;

export function controlCommand(name: CommandName, examples: readonly string[]): Command {
  return makeCommand(name)
    .option('--control <path>', 'the control socket (default: that of ./postern.yaml, else the only one)')
    .option('--config <file>', 'the file that the running postern was started with')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((one) => `  postern ${one}`).join('\n')}\n${EXIT}`);
}

/** Asks the running supervisor, and ends this process. @param ask returns the exit status @param hint a line after an error */
export async function withControl(
  options: ControlOptions,
  ask: (client: ControlClient) => Promise<number>,
  hint?: string,
): Promise<never> {
  let status: number;
  try {
    status = await ask(await openControl(options));
  } catch (error) {
    say([...describeError(error), ...(hint === undefined ? [] : [hint])], 'error');
    status = error instanceof PosternError && error.code === 'usage' ? 2 : 1;
  }
  await writeOut();
  process.exit(status);
}

/** @throws PosternError `control_unreachable`; ConfigError */
export async function openControl(options: ControlOptions): Promise<ControlClient> {
  const found = await findControl(options);
  const { path, config } = found;
  const client = await connectControl(found);
  if (config === undefined) return client;
  const facts = (await client.call('supervisor', {})) as { readonly config?: unknown };
  if (/* protects: G21 control: a command asks no other project => true */ facts.config === config)
    return client;
  client.close();
  throw new PosternError(
    'control_unreachable',
    `The postern at "${path}" runs "${facts.config}", and not "${config}"`,
    { fix: `name it by --control "${path}" if it is meant, or start "postern up" here` },
  );
}

// An option whose value is a whole number above 0.

export function countOption(flags: string, description: string, usual: number): Option {
  return optionalCount(flags, description).default(usual);
}

export function optionalCount(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
    return Number(text);
  });
}

// --since: a time, or for how long before now.

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const AGO = /^(?:\d{1,9}[dhms])+$/;
/** ISO 8601. Without an offset a date is UTC, as in the output. */
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

export function sinceOption(): Option {
  return new Option(
    '--since <time>',
    'not before: 10m, 1h30m, 2d, or a time in UTC as 2026-01-15T09:30',
  ).argParser((text: string) => readSince(text, Date.now()));
}

/** @returns ISO 8601 in UTC with milliseconds @throws InvalidArgumentError */
export function readSince(text: string, now: number): string {
  const [date, offset] = DATE.exec(text) ?? [];
  const parts = AGO.test(text) ? [...text.matchAll(/(\d+)([dhms])/g)] : [];
  const ago = parts.reduce(
    (sum, [, number, unit = '']) => sum + Number(number) * (MILLISECONDS[unit] ?? 0),
    0,
  );
  // A time without an offset would be one of this place.
  const inUtc = date !== undefined && date.length > 10 && offset === undefined ? `${date}Z` : date;
  const time = inUtc === undefined ? now - ago : Date.parse(inUtc);
  if ((inUtc === undefined && parts.length === 0) || !Number.isFinite(time))
    throw new InvalidArgumentError('It is as 10m, 1h30m, 2d or 2026-01-15T09:30.');
  return new Date(Math.max(0, time)).toISOString();
}

// A table for people: columns in line, a head in bold on a terminal. Texts of plugins are escaped. It fits the width of a terminal, or COLUMNS as for ps(1):
// columns are left out, and what must stay is cut. A plugin chooses some texts, so no single one takes the room of all others.

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Of numbers, which stand to the right. */
  readonly right?: true;
  /** Where there is no room for all, the column with the highest rank goes first. One of rank 0 stays. */
  readonly rank: number;
}

const GAP = '  ';
/** Of a text in a table that must fit. */
const LONGEST_CELL = 40;

/** @param style of the line for a row that a person must notice */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: (row: Row) => Paint | undefined = () => undefined,
): string {
  const [head = '', ...lines] = tableLines(columns, rows, outputWidth());
  const shown = lines.map((line, at) => {
    const row = rows[at];
    const paintOf = row === undefined ? undefined : style(row);
    return paintOf === undefined ? line : paint(line, paintOf);
  });
  return [paint(head, 'bold'), ...shown].map((text) => `${text}\n`).join('');
}

/** @param width in characters. Without it the table is as wide as it needs to be @returns the head, and a line for each row */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number = Number.POSITIVE_INFINITY,
): readonly string[] {
  const longest = Number.isFinite(width) ? LONGEST_CELL : width;
  const cells = rows.map((row) => columns.map(({ cell }) => shorten(printable(cell(row)), longest)));
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const shown = fit(columns, widths, width);
  const line = (words: readonly string[]): string =>
    shown
      .map((at) => {
        const room = widths[at] ?? 0;
        const word = shorten(words[at] ?? '', room);
        return columns[at]?.right === true ? word.padStart(room) : word.padEnd(room);
      })
      .join(GAP)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}

/** @param widths of the columns: those of what must be cut become smaller @returns the indexes of the columns that are shown, in their order */
function fit<Row>(columns: readonly Column<Row>[], widths: number[], most: number): readonly number[] {
  let shown = columns.map((_, at) => at);
  const rank = (at: number): number => columns[at]?.rank ?? 0;
  const room = (at: number): number => widths[at] ?? 0;
  const isTooWide = (): boolean =>
    shown.reduce((sum, at) => sum + room(at), GAP.length * (shown.length - 1)) > most;
  const largest = (key: (at: number) => number): number =>
    shown.reduce((a, b) => (key(b) > key(a) ? b : a), 0);
  for (let last = largest(rank); isTooWide() && rank(last) > 0; last = largest(rank))
    shown = shown.filter((at) => at !== last);
  for (let widest = largest(room); isTooWide() && room(widest) > 1; widest = largest(room))
    widths[widest] = room(widest) - 1;
  return shown;
}

/** @returns at most so many characters. What is cut ends with an ellipsis, so that nobody pastes it as a whole */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}\u2026`;
}

/** @returns undefined where nothing says how wide the output is */
function outputWidth(): number | undefined {
  const asked = Number(process.env['COLUMNS']);
  if (Number.isInteger(asked) && asked > 0) return asked;
  return process.stdout.isTTY === true ? terminalSize(STDOUT).columns : undefined;
}

export interface Size {
  /** In characters. */
  readonly columns: number;
  readonly rows: number;
}

/** Node keeps the size of process.stdout alone up to date. A terminal that has none says 0. */
export function terminalSize(fd: number): Size {
  const [rows = 0, columns = 0] = new Uint16Array(windowSize(fd)?.slice().buffer ?? []);
  return { columns: columns || 80, rows: rows || 24 };
}

// Prints an answer once, or again and again as it changes (--watch).

const CLEAR = '\u001b[H\u001b[2J';

interface Question {
  readonly method: string;
  readonly params: unknown;
  readonly json: boolean;
  readonly watch: boolean;
  readonly intervalMs?: number | undefined;
  readonly describe: (answer: never) => string;
  /** One line for an event that is watched; without it, states are watched. */
  readonly describeEvent?: (event: never) => string;
}

/** @returns the exit status */
export async function printAnswer(client: ControlClient, question: Question): Promise<number> {
  const { method, params, json, watch, describe, describeEvent } = question;
  const show = (answer: unknown): string => (json ? `${asciiJson(answer)}\n` : describe(answer as never));
  if (!watch) {
    process.stdout.write(show(await client.call(method, params)));
    return 0;
  }
  useWaitingStreams();
  // A reader that is gone, as behind `| head`, wants no more.
  process.stdout.once('error', () => process.exit(0));
  const told = (news: News): string => {
    if (describeEvent === undefined)
      return `${process.stdout.isTTY === true && !json ? CLEAR : ''}${show(news.state)}`;
    const event = json ? `${asciiJson(news.event)}\n` : describeEvent(news.event as never);
    if (news.missed !== undefined) say(`${news.missed} more came too fast, and are left out`);
    return event;
  };
  let early: News[] | undefined = [];
  const now = await client.watch(method, params, question.intervalMs, (news) => {
    if (early === undefined) process.stdout.write(told(news));
    else early.push(news);
  });
  process.stdout.write(describeEvent === undefined ? told({ state: now }) : show(now));
  for (const news of early) process.stdout.write(told(news));
  early = undefined;
  await client.ended;
  say('postern has ended, or closed the connection');
  return 1;
}
