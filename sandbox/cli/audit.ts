// postern audit: prints the audit log as lines for a person. It reads the file alone, so it works also when no postern runs. The texts in the log may be a
// plugin's, and the file may be any: each event is one bounded line without what a terminal would obey.

import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { amount } from '../../shared/amounts.js';
import { asciiJson } from '../../shared/ascii-json.js';
import type { AuditFormat } from '../../shared/config/config-file.js';
import { ConfigError } from '../../shared/config/config-problem.js';
import { readConfigText } from '../../shared/config/config-text.js';
import { YamlSource } from '../../shared/config/yaml-source.js';
import { PosternError } from '../../shared/errors.js';
import { LineReader } from '../../shared/line-reader.js';
import { quoteDestination } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import { printable } from '../../shared/printable.js';
import { type AuditEvent, readAuditEvent } from '../../shared/protocol/audit-events.js';
import { shorten, sinceOption } from './control/control-command.js';
import { configFile } from './default-config.js';
import { makeCommand } from './program.js';
import { asYamlItems, refusalLine } from './refusal-line.js';
import { describeError, paint, say } from './say.js';
import { useWaitingStreams, writeOut } from './waiting-streams.js';

const CHUNK_BYTES = 64 * 1024;
/** Longer than any event. */
const LONGEST_LINE_BYTES = 4 * 1024 * 1024;
const LONGEST_SHOWN = 2_000;
/** Of the log, for its last lines. */
const LAST_BYTES = 1024 * 1024;
/** How often a log that is followed is looked at. */
const LOOK_MS = 500;

interface AuditOptions {
  readonly plugin?: string;
  readonly since?: string;
  readonly follow?: boolean;
  readonly config?: string;
  readonly json?: boolean;
}

export function auditCommand(): Command {
  return makeCommand('audit')
    .argument('[log]', 'the file of the log (default: that of ./postern.yaml)')
    .option('--plugin <name>', 'of this plugin (default: of all)')
    .addOption(sinceOption())
    .option('-f, --follow', 'go on with each further event, also in the file that follows after a rotation')
    .option('--config <file>', 'the file that names the log (default: ./postern.yaml)')
    .option('--json', 'print the events as they are')
    .addHelpText(
      'after',
      `
Examples:
  postern audit --since 1h
  postern audit --plugin web --follow
  postern audit /var/log/postern/audit.log.1 --json

Exit status: 0, 1 where there is no log to read, 2 for wrong usage.`,
    )
    .action(async (log: string | undefined, options: AuditOptions) => {
      const status = await audit(log, options);
      await writeOut();
      process.exit(status);
    });
}

/** @returns the exit status */
async function audit(log: string | undefined, options: AuditOptions): Promise<number> {
  useWaitingStreams();
  // A reader that is gone, as behind `| head`, wants no more.
  process.stdout.once('error', () => process.exit(0));
  let strange = 0;
  let path = '';
  const lineOf = (text: string): string => {
    const event = readObject(text);
    const foreign = event === undefined ? foreignFormat(text) : undefined;
    if (foreign !== undefined) throw inForeignFormat(path, foreign);
    if (event === undefined) strange += 1;
    if (event === undefined || !isWanted(event, options)) return '';
    return `${options.json === true ? asciiJson(event) : describeAuditLine(event)}\n`;
  };
  try {
    path = log ?? logOf(configFile(options.config));
    await readLog(path, options.follow === true, async (lines) => {
      const text = lines.map(lineOf).join('');
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    });
  } catch (error) {
    say(describeError(error), 'error');
    return 1;
  }
  if (strange > 0) say(`${strange} line${strange === 1 ? ' is no event' : 's are no events'}`);
  return 0;
}

/** What a line of the log says, if it is one. */
export interface Written extends Readonly<Record<string, unknown>> {
  readonly event: string;
  readonly ts: string;
}

export function readObject(text: string): Written | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return isWritten(read) ? read : undefined;
  } catch {
    return undefined; // A full disk may have cut it.
  }
}

/** The form of a line that `audit.format` made for other programs. */
function foreignFormat(text: string): AuditFormat | undefined {
  try {
    const { class_uid, ecs } = JSON.parse(text);
    return class_uid !== undefined ? 'ocsf' : ecs !== undefined ? 'ecs' : undefined;
  } catch {
    return undefined;
  }
}

function inForeignFormat(path: string, format: AuditFormat): PosternError {
  return new PosternError('audit_destination', `Cannot read ${quote(path)}: it is in the form ${format}`, {
    fix: 'read it with a program for that form, or set audit.format to postern',
  });
}

function isWritten(value: unknown): value is Written {
  if (typeof value !== 'object' || value === null) return false;
  const { event, ts } = { event: undefined, ts: undefined, ...value };
  return typeof event === 'string' && typeof ts === 'string';
}

/** A gap concerns every plugin. */
function isWanted({ plugin, ts }: Written, { plugin: name, since = '' }: AuditOptions): boolean {
  return ts >= since && (name === undefined || plugin === undefined || plugin === name);
}

// Where the log is.

export function logOf(config: string): string {
  const source = new YamlSource(config, readConfigText(config, 'name another file by --config, or the log'));
  const [written] = [...source.textsAt(['audit']), ...source.textsAt(['audit', 'to'])];
  const to = written?.text ?? 'stderr';
  if (to !== 'stderr' && to !== 'stdout') return resolve(dirname(config), to);
  throw new ConfigError([
    {
      ...{ file: config, key: 'audit', message: `the log goes to ${to} and not to a file` },
      suggestion: 'write a path there, or read it where the output of "postern up" goes',
    },
  ]);
}

// Reads the log in pieces: it may be larger than the memory.

/**
 * @param follow whether to go on with what is appended, until the process ends. A new file at the path is read from its beginning
 * @param take takes whole lines, and resolves when there is room for more
 * @throws PosternError `audit_destination`, or the error of the system
 */
export async function readLog(
  path: string,
  follow: boolean,
  take: (lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let fd = openLog(path);
  for (;;) {
    let lines: string[] = [];
    let place = 0;
    const reader = new LineReader((line) => void lines.push(line), LONGEST_LINE_BYTES);
    const readOn = async (): Promise<void> => {
      for (let bytes = readSync(fd, chunk, 0, CHUNK_BYTES, place); bytes > 0; ) {
        place += bytes;
        // A copy: the reader keeps parts of a line.
        if (!reader.push(Buffer.from(chunk.subarray(0, bytes))))
          throw notALog(path, 'has a line without end');
        await take(lines);
        lines = [];
        bytes = readSync(fd, chunk, 0, CHUNK_BYTES, place);
      }
    };
    await readOn();
    if (!follow) break;
    while (isCurrent(fd, place, path)) {
      await sleep(LOOK_MS);
      await readOn();
    }
    // postern wrote into the former file until it opened this one.
    await readOn();
    closeSync(fd);
    fd = openLog(path);
  }
  closeSync(fd);
}

/**
 * @param to `stderr`, `stdout` or a path
 * @returns the last lines of the log, each for a person
 * @throws PosternError `audit_destination`, or the error of the system
 */
export function lastAuditLines(to: string, most: number): readonly string[] {
  if (to === 'stderr' || to === 'stdout') return [`The log goes to ${to}`];
  const fd = openLog(to);
  const { size } = fstatSync(fd);
  const end = Buffer.alloc(Math.min(size, LAST_BYTES));
  const bytes = readSync(fd, end, 0, end.length, size - end.length);
  closeSync(fd);
  const lines = end.toString('utf8', 0, bytes).split('\n');
  const written = lines.flatMap((line) => readObject(line) ?? []);
  const foreign = foreignFormat(lines.at(-2) ?? '');
  if (foreign !== undefined) return [`The log is in the form ${foreign}`];
  return written.slice(-most).map((event) => describeAuditLine(event, (text) => text));
}

function openLog(path: string): number {
  // A named pipe without a writer would wait, and one with a reader would lose what is read here.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw notALog(path, 'is no regular file');
}

/** Whether the path still leads to the open file, or to none, and the file was not cut. */
function isCurrent(fd: number, place: number, path: string): boolean {
  const own = fstatSync(fd);
  let now: Stats | undefined;
  try {
    now = statSync(path);
  } catch {
    return true; // It was renamed, and postern has not made the next one yet.
  }
  return now.ino === own.ino && now.dev === own.dev && own.size >= place;
}

function notALog(path: string, why: string): PosternError {
  return new PosternError('audit_destination', `Cannot read ${quote(path)}: it ${why}`, {
    fix: 'name the file of an audit log',
  });
}

// An event as a line for a person.

/**
 * @param written its texts are not trusted
 * @param mark makes a refusal stand out
 * @returns one line. An event that this version does not know is shown as it is
 */
export function describeAuditLine(
  written: Written,
  mark: (text: string) => string = (text) => paint(text, 'yellow'),
): string {
  const { event, ts, ...fields } = written;
  const known = readAuditEvent(written);
  const plugin = typeof fields['plugin'] === 'string' ? ` ${fields['plugin']}:` : '';
  const head = printable(shorten(`${ts}${plugin}`, LONGEST_SHOWN));
  const isRepeated = known !== undefined && 'repeated' in known && known.repeated;
  const refused =
    known &&
    !isRepeated &&
    refusalLine(known, (rules) => `add ${asYamlItems(rules)} to plugins.${known.plugin}.allow`);
  const times = known !== undefined && 'count' in known && known.count > 1 ? ` (${known.count} times)` : '';
  if (typeof refused === 'string') return `${head} ${mark(`${refused}${times}`)}`;
  const text =
    (known && describeOther(known)) ??
    describeGap(written) ??
    describePolicy(written) ??
    describeReload(written) ??
    `${event} ${asciiJson(fields)}`;
  return `${head} ${/* protects: G13 a line of the audit log does not act on the terminal => text */ printable(shorten(text, LONGEST_SHOWN))}`;
}

/** Of what refuses nothing, or repeats a refusal. */
function describeOther(event: AuditEvent): string | undefined {
  switch (event.event) {
    case 'decision':
      return `Allowed ${placeOf(event)}${ruleOf(event)}: ${event.outcome ?? 'no attempt'}${askerOf(event)}`;
    case 'explain':
      return `Was told, without a connection: ${placeOf(event)}: ${event.decision} (${event.reason})`;
    case 'closed':
      return `Closed ${placeOf(event)} after ${Math.round(event.duration_ms)} ms: sent ${amount(event.sent_bytes)}, received ${amount(event.received_bytes)} (${event.ended_by})${askerOf(event)}`;
    case 'question':
      return `${event.message}, ${event.questions} times more${askerOf(event)}`;
    case 'failed':
      return `${event.message}, ${event.count} times more${askerOf(event)}`;
    case 'http':
      return `${event.method} ${event.path} of ${placeOf(event)}: ${event.status} after ${Math.round(event.duration_ms)} ms${ruleOf(event)}`;
    case 'datagram':
    case 'socket':
    case 'loopback':
    case 'slow':
    case 'limited':
    case 'protocol_error':
      return undefined;
  }
}

function describeGap({ event, events, from, to, message }: Written): string | undefined {
  if (event !== 'gap') return undefined;
  const why = typeof message === 'string' ? `: ${message}` : '';
  return `${String(events)} events are missing here, from ${String(from)} to ${String(to)}${why}`;
}

function describePolicy({ event, serial, message }: Written): string | undefined {
  return event === 'policy' ? `The signed policy, serial ${String(serial)}: ${String(message)}` : undefined;
}

function describeReload({ event, message }: Written): string | undefined {
  return event === 'reload_failed'
    ? `A reload failed, and the former configuration stays in force: ${String(message)}`
    : undefined;
}

function placeOf({ host, port }: { readonly host: string | null; readonly port: number | null }): string {
  return host === null || port === null ? 'a destination that is not known' : quoteDestination(host, port);
}

function ruleOf({ rule }: { readonly rule: string | null }): string {
  return rule === null ? '' : ` by rule ${quote(rule)}`;
}

function askerOf({ program, pid }: { readonly program: string | null; readonly pid: number | null }): string {
  return program === null ? '' : ` (${quote(program)}, pid ${String(pid)})`;
}
