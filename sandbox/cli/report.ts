// postern report: writes one text file for a bug report or a question: what runs where, and what happened last. A person reads it before it is sent, so it is
// short, and no line of it acts on a terminal. Values of variables and arguments of programs are left out of the configuration, and where they appear elsewhere:
// tokens and passwords stand there. What the plugins print, and what they say about themselves, is left out whole.

import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Command } from 'commander';
import { DEFAULT_CONFIG, VERSION } from '../../shared/bundles.js';
import type { ConfigFile, PluginKeys } from '../../shared/config/config-file.js';
import { ConfigError } from '../../shared/config/config-problem.js';
import { readConfigText } from '../../shared/config/config-text.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import { YamlSource } from '../../shared/config/yaml-source.js';
import { PosternError } from '../../shared/errors.js';
import { printable } from '../../shared/printable.js';
import { describeExamination } from '../doctor/describe.js';
import { examine } from '../doctor/examine.js';
import { readHost } from '../doctor/read-host.js';
import { tryHost } from '../doctor/trial.js';
import type { PluginStatus, Status } from '../supervisor/control/control-surface.js';
import { lastAuditLines, logOf } from './audit.js';
import type { ControlClient, ControlOptions } from './control/control-client.js';
import { openControl } from './control/control-command.js';
import { configFile } from './default-config.js';
import { NewFile } from './describe-learnt.js';
import { summarizeLog, writeHtml } from './html-report.js';
import { makeCommand } from './program.js';
import { describeError, say } from './say.js';

const DEFAULT_REPORT = 'postern-report.txt';
const OWNER_ALONE = 0o600;
const AUDIT_LINES = 200;
const DENIALS = 50;
const METRICS_MS = 5_000;
const MOST_METRICS = 1024 * 1024;
const LONGEST_LINE = 2_000;

export function reportCommand(): Command {
  return makeCommand('report')
    .argument('[file]', 'the file to write', DEFAULT_REPORT)
    .option('--control <path>', 'the control socket (default: that of ./postern.yaml, else the only one)')
    .option('--config <file>', 'the file that the running postern was started with')
    .option('--html <file>', 'instead, write an audit log as one page for the browser')
    .option('--log <log>', 'the audit log for --html (default: that of ./postern.yaml)')
    .addHelpText(
      'after',
      `
Examples:
  postern report
  postern report /tmp/report.txt --config /etc/postern/postern.yaml
  postern report --html report.html --log run.log

It has versions, what doctor finds, the configuration, status, refusals, the end of the audit log, and metrics. It works
too when no postern runs. Values of env and arguments of commands are masked. It names hosts and paths: read it
before you send it. With --html, the page has what the audit log has: destinations, bytes, refusals with rules, names.
Exit status: 0, 1 where the file cannot be written, 2 for wrong usage.`,
    )
    .action(async (file: string, options: ReportOptions) => process.exit(await report(file, options)));
}

interface ReportOptions extends ControlOptions {
  readonly html?: string;
  readonly log?: string;
}

async function report(named: string, options: ReportOptions): Promise<number> {
  const { html, log } = options;
  const path = html ?? named;
  try {
    if (log !== undefined && html === undefined)
      throw new PosternError('usage', '--log names the log of --html', { fix: 'name a file by --html' });
    const file = new NewFile(path);
    if (html === undefined) file.write(await gather(options), OWNER_ALONE);
    else {
      const source = log ?? logOf(configFile(options.config));
      writeHtml(file, {
        title: 'What postern allowed and refused',
        source,
        summary: await summarizeLog(source),
      });
    }
  } catch (error) {
    say(describeError(error), 'error');
    return 1;
  }
  process.stdout.write(`${printable(path)} is written: read it before you send it\n`);
  return 0;
}

/** What the parts of a report are made from. */
interface Sources {
  readonly client: () => ControlClient;
  readonly config: () => Config;
  readonly shown: () => string;
}

type Part = (sources: Sources) => string | Promise<string>;

const PARTS: Readonly<Record<string, Part>> = {
  versions: () =>
    asText({
      at: new Date().toISOString(),
      postern: VERSION,
      node: process.version,
      linux: `${release()} ${process.arch}`,
      user: process.geteuid?.() === 0 ? 'root' : 'an ordinary user',
      distribution: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1],
    }),
  doctor: async () => describeExamination(examine(readHost(), await tryHost()), false),
  configuration: ({ shown }) => shown(),
  status: async ({ client }) => asText(withoutOwnWords((await client().call('status', {})) as Status)),
  top: async ({ client }) => asText(await client().call('top', {})),
  denials: async ({ client }) => asText(await client().call('denials', { order: 'latest', limit: DENIALS })),
  'audit log': ({ config }) => lastAuditLines(config().audit, AUDIT_LINES).join('\n'),
  metrics: ({ config }) => metricsAt(config().metrics),
};

async function gather(options: ControlOptions): Promise<string> {
  const client = await openControl(options).catch(asError);
  const file =
    given(options) ?? (client instanceof Error ? undefined : await configOf(client).catch(() => undefined));
  const masked =
    file === undefined ? new Error('There is no ./postern.yaml, and nobody named another') : readMasked(file);
  const sources: Sources = {
    client: () => orThrow(client),
    config: () => orThrow(masked).config,
    shown: () => orThrow(masked).shown,
  };
  const secrets = masked instanceof Error ? undefined : masked.secrets;
  const texts: string[] = [];
  for (const [title, part] of Object.entries(PARTS)) {
    let text: string;
    try {
      text = await part(sources);
    } catch (error) {
      text = describeProblem(error);
    }
    // protects: G21 report: what is masked appears nowhere else => void secrets;
    if (secrets !== undefined) text = text.replace(secrets, MASK);
    const lines = text.trimEnd().split('\n');
    const shown = lines.map((line) => printable(line.slice(0, LONGEST_LINE)));
    texts.push(`== ${title} ==\n${shown.join('\n')}\n`);
  }
  return texts.join('\n');
}

function given({ config }: ControlOptions): string | undefined {
  return config ?? (existsSync(DEFAULT_CONFIG) ? configFile(undefined) : undefined);
}

async function configOf(client: ControlClient): Promise<string | undefined> {
  const { config } = { config: undefined, ...((await client.call('supervisor', {})) as object) };
  return typeof config === 'string' ? config : undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function orThrow<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}

/** The errors of a file quote it. */
function describeProblem(error: unknown): string {
  if (!(error instanceof ConfigError)) return describeError(error).join('\n');
  const places = error.problems.map(({ file, line }) => `${file}:${line ?? '?'}`);
  return `The file has mistakes, which "postern check" shows: ${places.join(', ')}`;
}

function asText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** A plugin writes its status itself (sd_notify(3)). */
function withoutOwnWords(status: Status): Omit<Status, 'plugins'> & { readonly plugins: readonly unknown[] } {
  const plugins = status.plugins.map(({ status: _, ...plugin }: PluginStatus) => plugin);
  return { ...status, plugins };
}

/** @param address as the file has it */
async function metricsAt(address: string | undefined): Promise<string> {
  if (address === undefined) return 'The file names no address of metrics';
  // Another program that has the port now could name another page of the host.
  const { body } = await fetch(`http://${address}/metrics`, {
    signal: AbortSignal.timeout(METRICS_MS),
    redirect: /* protects: G21 report: the page of metrics leads nowhere else => 'follow' */ 'error',
  });
  let text = '';
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (text.length > MOST_METRICS) break;
  }
  return text.slice(0, MOST_METRICS);
}

// The configuration without what may be secret. Comments are left out too. A key without a row here does not compile, so that nobody forgets a new one.

const MASK = '***';
/** A shorter text is masked in its place alone: it would be found in many words. So is a shorter word of a script. */
const LEAST_SECRET = 6;
const LEAST_WORD = 16;

type Hide = (text: unknown) => string;
type Show = (value: unknown, hide: Hide) => unknown;

const whole: Show = (value) => value;
const values: Show = (value, hide) => mapOf(value, (inner) => hide(inner));
const program: Show = (value, hide) =>
  Array.isArray(value) ? value.map((word: unknown, at) => (at === 0 ? word : hide(word))) : hide(value);

/** A header may have a secret as it is. */
const headersOfHosts: Show = (value, hide) =>
  mapOf(value, (host) => mapOf(host, (inner, key) => (key === 'headers' ? values(inner, hide) : inner)));

const OF_PLUGIN: Readonly<Record<keyof PluginKeys, Show>> = {
  ...{ allow: whole, deny: whole, presets: whole, mode: whole, unknown: whole, egress: whole, via: whole },
  ...{ cwd: whole, home: whole, filesystem: whole, listen: whole, limits: whole, seccomp: whole },
  ...{ restart: whole, stop: whole, kind: whole, ready: whole, after: whole },
  ...{ env: values, command: program, gateway: headersOfHosts },
};
const plugin: Show = (value, hide) => shownBy(OF_PLUGIN, value, hide);
const OF_FILE: Readonly<Record<keyof ConfigFile, Show>> = {
  ...{
    metrics: whole,
    audit: whole,
    control: whole,
    ui: whole,
    dns: whole,
    stop_grace_ms: whole,
    reload: whole,
  },
  ask: (value, hide) => shownBy({ timeout_s: whole, hook: program }, value, hide),
  // A URL may have a token.
  policy: (value, hide) => shownBy({ poll_s: whole, public_key: whole, addresses: whole }, value, hide),
  export: (value, hide) =>
    shownBy(
      { headers_file: whole, ca: whole, signals: whole, interval_s: whole, addresses: whole },
      value,
      hide,
    ),
  // Where they are, and not what they are; a command may have one among its words.
  secrets: (value, hide) =>
    mapOf(value, (inner) =>
      shownBy({ file: whole, env: whole, credential: whole, command: program }, inner, hide),
    ),
  defaults: plugin,
  plugins: (value, hide) => mapOf(value, (inner) => plugin(inner, hide)),
};

function mapOf(value: unknown, show: (inner: unknown, key: string) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, show(inner, key)]));
}

function shownBy(table: Readonly<Record<string, Show>>, value: unknown, hide: Hide): unknown {
  return mapOf(value, (inner, key) => (table[key] ?? hide)(inner, hide));
}

interface Masked {
  readonly config: Config;
  readonly shown: string;
  /** Finds elsewhere what was masked. */
  readonly secrets: RegExp | undefined;
}

/** @returns the error of a file that has mistakes: what is wrong in it, and where, nobody knows */
function readMasked(path: string): Masked | Error {
  try {
    const config = loadConfig(path);
    const { value } = new YamlSource(path, readConfigText(path, 'name another file by --config'));
    const hidden: string[] = [];
    const hide: Hide = (text) => {
      hidden.push(String(text));
      // protects: G21 report: values of env and arguments of programs are masked => return String(text);
      return MASK;
    };
    const shown = asText(shownBy(OF_FILE, value, hide));
    return { config, shown: `${path}\n${shown}`, secrets: secretsIn(hidden, shown) };
  } catch (error) {
    return asError(error);
  }
}

/**
 * @param shown the rest of the configuration: what stands there too, such as a host of a rule, is no secret
 * @returns what finds a masked text elsewhere, whole or the part of it that is likely to be the secret: behind `=`, the password of a URL, a long word of a
 * script. DNS writes names in small letters
 */
function secretsIn(hidden: readonly string[], shown: string): RegExp | undefined {
  const parts = hidden.flatMap((text) => [
    ...[text, text.slice(text.indexOf('=') + 1)],
    ...[...text.matchAll(/\/\/([^/@\s]+)@/g)].flatMap(([, user = '']) => [user, ...user.split(':')]),
    ...text.split(/[\s'"=,;]+/).filter(({ length }) => length >= LEAST_WORD),
  ]);
  const open = shown.toLowerCase();
  const patterns = parts
    .filter((part) => part.length >= LEAST_SECRET && !open.includes(part.toLowerCase()))
    .flatMap((part) => [part, JSON.stringify(part).slice(1, -1), printable(part)])
    .sort((a, b) => b.length - a.length)
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return patterns.length === 0 ? undefined : new RegExp([...new Set(patterns)].join('|'), 'gi');
}
