// postern top: what each plugin uses now. At a terminal it is drawn again each second; elsewhere it is one table.
import { type Command, Option } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import type { TopReport } from '../../supervisor/control/control-target.js';
import { paint, takesControl } from '../colour.js';
import { say } from '../say.js';
import { useWaitingStreams } from '../waiting-streams.js';
import type { ControlClient } from './control-client.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';
import { optionalCount } from './count-option.js';
import { LiveScreen } from './live-screen.js';
import { type Size, topLines } from './top-lines.js';
import { sortTop, TOP_ORDERS, type TopOrder, type TopRow, topRows } from './top-rates.js';

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
  return controlCommand('top', 'show what each plugin uses, each second: q ends it', [
    'top',
    'top --sort memory',
    'top --json --count 1',
  ])
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
