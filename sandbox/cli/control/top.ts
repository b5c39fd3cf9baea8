// The command top: rates from two looks, lines from rates, a screen of lines.

import { writeSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { type Command, Option } from 'commander';
import { amount, lasted } from '../../../shared/amounts.js';
import { asciiJson } from '../../../shared/ascii-json.js';
import type { TopPlugin, TopReport } from '../../supervisor/control/control-surface.js';
import { paint, say, takesControl } from '../say.js';
import { useWaitingStreams } from '../waiting-streams.js';
import type { ControlClient } from './control-client.js';
import {
  type AskOptions,
  type Column,
  controlCommand,
  optionalCount,
  type Size,
  tableLines,
  terminalSize,
  withControl,
} from './control-command.js';

// postern top: what each plugin uses now. At a terminal it is drawn again each second; elsewhere it is one table.

const INTERVAL_MS = 1_000;

interface TopOptions extends AskOptions {
  readonly sort: TopOrder;
  readonly count?: number;
}

/** A report with its rates, sorted. */
interface Shown {
  readonly report: TopReport;
  readonly rows: readonly TopRow[];
}

export function topCommand(): Command {
  return controlCommand('top', ['top', 'top --sort memory', 'top --json --count 1'])
    .addOption(new Option('--sort <what>', 'the largest first').choices(TOP_ORDERS).default('cpu'))
    .addOption(
      optionalCount('--count <number>', 'end after so many (default: a table that is no screen is one)'),
    )
    .action((options: TopOptions) => withControl(options, (client) => top(client, options)));
}

/** @returns the exit status */
async function top(client: ControlClient, { sort, count, json = false }: TopOptions): Promise<number> {
  const reports = new Reports(client, sort);
  const end = await (json
    ? print(reports, count, ({ report, rows }) => asciiJson({ ...report, plugins: rows }))
    : takesControl()
      ? drawAtTerminal(reports, count)
      : print(reports, count ?? 1, ({ report, rows }) => topLines(report, rows).join('\n')));
  if (end === 'done') return 0;
  say('postern has ended, or closed the connection');
  return 1;
}

/** Why no further report is shown. */
type End = 'done' | 'lost';

/** Prints reports, each a second after the one before: it needs two for a rate. */
async function print(
  reports: Reports,
  count: number | undefined,
  describe: (shown: Shown) => string,
): Promise<End> {
  useWaitingStreams();
  // A reader that is gone, as behind `| head`, wants no more.
  process.stdout.once('error', () => process.exit(0));
  let left = count ?? Number.POSITIVE_INFINITY;
  return reports.take((shown, isFirst) => {
    if (isFirst) return true;
    process.stdout.write(`${describe(shown)}\n`);
    left -= 1;
    return left > 0;
  });
}

async function drawAtTerminal(reports: Reports, count: number | undefined): Promise<End> {
  let last: Shown | undefined;
  let left = count ?? Number.POSITIVE_INFINITY;
  const screen = new LiveScreen((size) => (last === undefined ? [] : picture(last, size)));
  const taken = reports.take((shown) => {
    last = shown;
    screen.draw();
    left -= 1;
    return left > 0;
  });
  return Promise.race([taken, screen.ended.then((): End => 'done')]).finally(() => screen.close());
}

function picture({ report, rows }: Shown, size: Size): readonly string[] {
  return topLines(report, rows, size).map((line, at) => (at === 1 ? paint(line, 'bold') : line));
}

class Reports {
  readonly #client: ControlClient;
  readonly #order: TopOrder;
  #before: TopReport | undefined;

  constructor(client: ControlClient, order: TopOrder) {
    this.#client = client;
    this.#order = order;
  }

  /** @param show returns whether it wants more. It is not called after that */
  async take(show: (shown: Shown, isFirst: boolean) => boolean): Promise<End> {
    let finish: ((end: End) => void) | undefined;
    const finished = new Promise<End>((resolve) => {
      finish = resolve;
    });
    const tell = (state: unknown): void => {
      if (finish === undefined) return;
      const report = state as TopReport;
      const rows = sortTop(topRows(report, this.#before), this.#order);
      const isFirst = this.#before === undefined;
      this.#before = report;
      if (show({ report, rows }, isFirst)) return;
      finish('done');
      finish = undefined;
    };
    tell(await this.#client.watch('top', {}, INTERVAL_MS, ({ state }) => tell(state)));
    return Promise.race([finished, this.#client.ended.then((): End => 'lost')]);
  }
}

// What one report of `top` says beside the one before: rates, and the part of a processor. Pure. It trusts no number of the other side.

/** A plugin in a report. Null: not known. */
export interface TopRow extends TopPlugin {
  readonly connects_per_second: number | null;
  readonly denials_per_second: number | null;
  readonly sent_bytes_per_second: number | null;
  readonly received_bytes_per_second: number | null;
  /** 100 is one processor. */
  readonly cpu_percent: number | null;
}

type KeyOfNumber = { [K in keyof TopRow]: TopRow[K] extends number | null ? K : never }[keyof TopRow];
type Count = 'connects' | 'denials' | 'sent_bytes' | 'received_bytes' | 'cpu_seconds';

/** @param before the report before; undefined: there is none */
export function topRows(report: TopReport, before: TopReport | undefined): readonly TopRow[] {
  const seconds = before === undefined ? 0 : (report.at_ms - before.at_ms) / 1000;
  const former = new Map(before?.plugins.map((plugin) => [plugin.name, plugin]));
  return report.plugins.map((plugin) => {
    const last = former.get(plugin.name);
    // After a restart of the plugin or of the broker a count begins anew.
    const rate = (count: Count, digits: number): number | null => {
      const [now, then] = [plugin[count], last?.[count]];
      if (typeof now !== 'number' || typeof then !== 'number' || !(seconds > 0)) return null;
      return Number((Math.max(0, now - then) / seconds).toFixed(digits));
    };
    const processors = rate('cpu_seconds', 4);
    return {
      ...plugin,
      connects_per_second: rate('connects', 1),
      denials_per_second: rate('denials', 1),
      sent_bytes_per_second: rate('sent_bytes', 0),
      received_bytes_per_second: rate('received_bytes', 0),
      cpu_percent: processors === null ? null : Number((100 * processors).toFixed(1)),
    };
  });
}

/** What --sort takes. */
const TOP_ORDERS = [
  'plugin',
  'connections',
  'connects',
  'denials',
  'sent',
  'received',
  'waiting',
  'memory',
  'cpu',
] as const;
type TopOrder = (typeof TOP_ORDERS)[number];

const KEYS: Readonly<Record<TopOrder, KeyOfNumber | undefined>> = {
  plugin: undefined,
  connections: 'connections',
  connects: 'connects_per_second',
  denials: 'denials_per_second',
  sent: 'sent_bytes_per_second',
  received: 'received_bytes_per_second',
  waiting: 'waiting',
  memory: 'memory_bytes',
  cpu: 'cpu_percent',
};

/** The largest number first, and plugins with the same one by their names. */
export function sortTop(rows: readonly TopRow[], order: TopOrder): readonly TopRow[] {
  const key = KEYS[order];
  const numberIn = (row: TopRow): number => (key === undefined ? 0 : (row[key] ?? -1));
  return rows.toSorted((a, b) => numberIn(b) - numberIn(a) || (a.name < b.name ? -1 : 1));
}

// The table of `top` as lines that fit a terminal: on a narrow one columns are left out, and on a low one rows. Pure.

const COLUMNS: readonly Column<TopRow>[] = [
  { title: 'PLUGIN', rank: 0, cell: ({ name }) => name },
  { title: 'STATE', rank: 5, cell: ({ state }) => state },
  { title: 'CONNS', right: true, rank: 3, cell: ({ connections }) => amount(connections) },
  { title: 'CONN/S', right: true, rank: 6, cell: (row) => amount(row.connects_per_second) },
  { title: 'DENIED/S', right: true, rank: 4, cell: (row) => amount(row.denials_per_second) },
  { title: 'SENT/S', right: true, rank: 7, cell: (row) => amount(row.sent_bytes_per_second) },
  { title: 'RECV/S', right: true, rank: 8, cell: (row) => amount(row.received_bytes_per_second) },
  { title: 'SENT', right: true, rank: 10, cell: ({ sent_bytes: sent }) => amount(sent) },
  { title: 'RECEIVED', right: true, rank: 11, cell: ({ received_bytes: received }) => amount(received) },
  { title: 'WAITING', right: true, rank: 9, cell: ({ waiting }) => amount(waiting) },
  {
    title: 'MEMORY',
    right: true,
    rank: 2,
    cell: ({ memory_bytes: memory, measured }) => `${amount(memory)}${measured === 'part' ? '+' : ''}`,
  },
  { title: 'CPU%', right: true, rank: 1, cell: (row) => amount(row.cpu_percent) },
];

/**
 * @param size undefined: as wide and long as it needs to be
 * @returns the head of the report, the head of the table, and a line for each plugin
 */
export function topLines(report: TopReport, rows: readonly TopRow[], size?: Size): readonly string[] {
  const head = `postern for ${lasted(report.for_ms)}, ${rows.length} plugin${rows.length === 1 ? '' : 's'}`;
  const lines = [head, ...tableLines(COLUMNS, rows, size?.columns)];
  if (size === undefined) return lines;
  const most = Math.max(3, size.rows);
  const left = lines.length - most;
  const kept = left > 0 ? [...lines.slice(0, most - 1), `and ${left + 1} more`] : lines;
  return kept.map((text) => text.slice(0, size.columns));
}

// A screen that is drawn again and again at a terminal, and leaves it as it was. Keys come one by one meanwhile.

// xterm's control sequences: the alternate screen, the cursor, and synchronized updates (other terminals ignore what they do not know).
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const [BEGIN, END] = ['\x1b[?2026h\x1b[H', '\x1b[J\x1b[?2026l'];
const REST_OF_LINE = '\x1b[K';
const STDIN = 0;
const STDOUT = 1;
const KEYS_TO_END = ['q', 'Q', '\x03'];
const KEY_TO_STOP = '\x1a';
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

class LiveScreen {
  readonly #output = new WriteStream(STDOUT);
  readonly #input: ReadStream | undefined = process.stdin.isTTY === true ? new ReadStream(STDIN) : undefined;
  readonly #draw: (size: Size) => readonly string[];
  #end: () => void = () => {};
  #isOn = false;
  /** Resolves when the user ends it. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#end = resolve;
  });

  /** @param draw returns the lines that fit. What they hold must not act on the terminal */
  constructor(draw: (size: Size) => readonly string[]) {
    this.#draw = draw;
    // Whatever ends this process: a terminal that is left raw is of no use. A later listener would come too late.
    process.prependListener('exit', () => this.close());
    for (const [signal, status] of Object.entries(SIGNALS))
      process.once(signal, () => {
        this.close();
        process.exit(status);
      });
    process.on('SIGCONT', () => {
      this.#enter();
      this.draw();
    });
    process.on('SIGWINCH', () => this.draw());
    this.#output.on('error', () => process.exit(0));
    this.#input?.on('error', () => this.#end());
    this.#input?.on('data', (bytes) => this.#take(bytes.toString('latin1')));
    this.#enter();
  }

  draw(): void {
    // A terminal that takes its time skips a picture.
    if (!this.#isOn || this.#output.writableLength > 0) return;
    const lines = this.#draw(terminalSize(STDOUT)).map((line) => `${line}${REST_OF_LINE}`);
    this.#output.write(`${BEGIN}${lines.join('\r\n')}${END}`);
  }

  /** Gives the terminal back. */
  close(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    try {
      this.#input?.setRawMode(false);
      writeSync(STDOUT, LEAVE);
    } catch {
      // The terminal is gone.
    }
  }

  #enter(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#input?.setRawMode(true);
    this.#output.write(ENTER);
  }

  #take(keys: string): void {
    for (const key of keys) {
      if (KEYS_TO_END.includes(key)) this.#end();
      if (key !== KEY_TO_STOP) continue;
      this.close();
      process.kill(process.pid, 'SIGSTOP');
    }
  }
}
