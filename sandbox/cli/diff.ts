// postern diff: which destinations a change of the configuration opens and closes; and for `check --within`, what a configuration opens beyond a file of
// rules. Both files are read alone: nothing of the host is asked, and nothing is started.
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { ConfigError } from '../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { type HttpOpening, httpOpenings, UNREADABLE } from '../../shared/policy/compare-http.js';
import { type Opening, openings } from '../../shared/policy/compare-policies.js';
import type { HttpRules } from '../../shared/policy/http-rules.js';
import type { Boundary, PolicySource } from '../../shared/policy/policy.js';
import { quote } from '../../shared/policy/quote.js';
import { openingsBeyond, requestsBeyond, requestsOf } from '../supervisor/policy/boundary.js';
import { makeCommand } from './program.js';
import { describeError, paint, say } from './say.js';

/** Lines for a person, of one plugin and direction. JSON has all. */
const MOST_LINES = 40;
/** The same, of a reload and all its plugins. */
const MOST_RELOAD_LINES = 20;
/** Parts of one plugin and direction that a reload tells, and beginnings of paths of one host that it looks at: meanwhile nothing else is done. */
const MOST_PARTS = 200;
/** Rules of one plugin that a reload compares, those before and after: it takes about a second for as many, and meanwhile nothing else is done. */
const MOST_RELOAD_RULES = 20_000;
const NOTHING: PolicySource = { allow: [], deny: [] };

interface PluginDifference {
  readonly plugin: string;
  readonly opens: readonly Opening[];
  readonly closes: readonly Opening[];
  /** Of hosts with a gateway that it reaches before and after. */
  readonly requests: readonly HostDifference[];
  /** Whether its gateway differs in anything but rules: hosts, headers, certificates. Missing: it does not. */
  readonly gateway?: true;
}

interface HostDifference {
  readonly host: string;
  readonly opens: readonly HttpOpening[];
  readonly closes: readonly HttpOpening[];
  /** Missing: all was looked at. */
  readonly unfinished?: true;
}

export function diffCommand(): Command {
  return makeCommand('diff')
    .argument('<before>', 'a configuration file')
    .argument('<after>', 'another one')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Example:
  postern diff postern.yaml.old postern.yaml

It compares the destinations of each plugin: names, addresses, ports and sockets. Of a host with a gateway it compares the
methods and paths, and tells an example of each: "*" stands for every method that no rule names. Of approvals, ways out, listeners and files it says nothing.
Exit status: 0 where neither differs, 1 where one does, 2 for wrong usage or an invalid file.`,
    )
    .action((before: string, after: string, options: { json?: boolean }) => {
      let plugins: readonly PluginDifference[];
      try {
        plugins = differences(loadConfig(before), loadConfig(after));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        say(describeError(error), 'error');
        process.exitCode = 2;
        return;
      }
      process.stdout.write(options.json === true ? `${asciiJson({ plugins })}\n` : describeAll(plugins));
      process.exitCode = plugins.length === 0 ? 0 : 1;
    });
}

/** What each plugin may reach after a change, and not before; and the other way round. Plugins without a difference are left out. */
export function differences(before: Config, after: Config): readonly PluginDifference[] {
  const [former, next] = [before, after].map(
    ({ plugins }) => new Map(plugins.map(({ config }) => [config.name, config])),
  );
  const names = new Set([...(former?.keys() ?? []), ...(next?.keys() ?? [])]);
  return [...names].flatMap((plugin) => {
    const found = difference(plugin, former?.get(plugin), next?.get(plugin));
    return found === undefined ? [] : [found];
  });
}

/** @param most how many parts of each direction are looked at */
function difference(
  plugin: string,
  was: PluginConfig | undefined,
  is: PluginConfig | undefined,
  most: number = Number.POSITIVE_INFINITY,
): PluginDifference | undefined {
  const [before, after] = [was ?? NOTHING, is ?? NOTHING];
  const [opens, closes] = haveSameRules(before, after)
    ? [[], []]
    : [joined(first(most, openings(after, before))), joined(first(most, openings(before, after)))];
  const requests = hostDifferences(was, is, most);
  const sameGateway = isDeepStrictEqual(withoutRules(was), withoutRules(is));
  if (sameGateway && opens.length + closes.length + requests.length === 0) return undefined;
  return { plugin, opens, closes, requests, ...(sameGateway ? {} : { gateway: true }) };
}

function haveSameRules(one: PolicySource, other: PolicySource): boolean {
  const partsOf = ({ allow, deny, mode }: PolicySource): unknown => [allow, deny, mode];
  return isDeepStrictEqual(partsOf(one), partsOf(other));
}

const withoutRules = (plugin: PluginConfig | undefined): unknown =>
  plugin?.gateway?.map((host) => ({ ...host, allow: [], deny: [], ports: [] }));

/** What differs in methods and paths. A host that one of the two does not reach at all is told as a destination. */
function hostDifferences(
  was: PluginConfig | undefined,
  is: PluginConfig | undefined,
  most: number,
): readonly HostDifference[] {
  const hosts = new Map(
    [was, is].flatMap((one) => (one?.gateway ?? []).map(({ host, ports }) => [host, ports])),
  );
  return [...hosts].flatMap(([host, ports]): readonly HostDifference[] => {
    const [before, after] = [was, is].map((one) => one && requestsTo(one, host, ports));
    if (before === undefined || after === undefined) return [];
    const [opened, closed] = [httpOpenings(after, before, most), httpOpenings(before, after, most)];
    const isWhole = opened.isWhole && closed.isWhole;
    if (isWhole && opened.openings.length + closed.openings.length === 0) return [];
    const { openings: opens } = opened;
    return [{ host, opens, closes: closed.openings, ...(isWhole ? {} : { unfinished: true }) }];
  });
}

/** @returns the rules for requests; none where they are all open; undefined if the host is not reached */
function requestsTo(plugin: PluginConfig, host: string, ports: readonly number[]): HttpRules | undefined {
  const one = plugin.gateway?.find((gateway) => gateway.host === host);
  if (one !== undefined) return requestsOf(one, plugin);
  const reached = ports.some(
    (port) => openings({ allow: [`${host}:${port}`], deny: [] }, plugin).next().done,
  );
  return reached ? { allow: [], deny: [] } : undefined;
}

function* first<T>(most: number, items: Iterable<T>): Generator<T> {
  let left = most;
  for (const item of items) {
    if (left === 0) return;
    left -= 1;
    yield item;
  }
}

/**
 * What a reload opens and closes, in lines for a person. Others have their turn after each plugin.
 *
 * @param names of plugins that may differ
 */
export async function describeChange(
  before: readonly PluginConfig[],
  after: readonly PluginConfig[],
  names: readonly string[],
): Promise<readonly string[]> {
  const [former, next] = [before, after].map((list) => new Map(list.map((one) => [one.name, one])));
  const lines: string[] = [];
  for (const name of names) {
    await new Promise(setImmediate);
    const [was, is] = [former?.get(name), next?.get(name)];
    const [before, after] = [was ?? NOTHING, is ?? NOTHING];
    const count = [before, after].reduce((sum, { allow, deny }) => sum + allow.length + deny.length, 0);
    if (count > MOST_RELOAD_RULES && !haveSameRules(before, after)) {
      lines.push(`${name}: its rules differ, and are too many to compare here: see postern diff`);
      continue;
    }
    const found = difference(name, was, is, MOST_PARTS);
    if (found === undefined) continue;
    lines.push(
      ...found.opens.map((opening) => `${name}: opens ${describeOpening(opening)}`),
      ...found.closes.map((opening) => `${name}: closes ${describeOpening(opening)}`),
      ...found.requests.flatMap((host) =>
        requestLines(host).map(([word, text]) => `${name}: ${word} ${text}`),
      ),
      ...(found.gateway === true ? [`${name}: its gateway differs`] : []),
    );
  }
  const more = lines.length - MOST_RELOAD_LINES;
  return more > 0 ? [...lines.slice(0, MOST_RELOAD_LINES), `and ${more} more: see postern diff`] : lines;
}

/** What one plugin may reach beyond a boundary. */
interface BeyondBoundary {
  readonly plugin: string;
  readonly opens: readonly Opening[];
  readonly requests: readonly Omit<HostDifference, 'closes'>[];
  /** Hosts that it reaches directly, and the boundary by a gateway alone. */
  readonly directly: readonly string[];
}

/** What the plugins of a configuration may reach beyond `boundary`. */
export function beyond({ plugins }: Config, boundary: Boundary): readonly BeyondBoundary[] {
  return plugins.flatMap(({ config }) => {
    const opens = joined(openingsBeyond(config, boundary));
    const requests = requestsBeyond(config, boundary).map(({ host, openings: found }) => ({
      host,
      opens: found,
    }));
    if (opens.length + requests.length === 0) return [];
    const hosts = [...(boundary.gateway?.keys() ?? [])];
    const direct = hosts.filter((name) => opens.some(({ host }) => host === name));
    return [{ plugin: config.name, opens, requests, directly: direct }];
  });
}

/** Lines for a person, of one plugin. */
export function describeBeyond({ opens, requests, directly }: BeyondBoundary): readonly string[] {
  return [
    ...opens.map((one) => {
      const past = directly.includes(one.host) ? ', where the boundary asks for a gateway' : '';
      return `${describeOpening(one)} is allowed, and not by the boundary${past}`;
    }),
    ...requests.flatMap(({ host, opens: found }) =>
      found.map(
        (one) => `${describeRequests(host, one, 'denied there by')} is allowed, and not by the boundary`,
      ),
    ),
  ];
}

/** Joins parts that differ in their ports alone. */
function joined(found: Iterable<Opening>): readonly Opening[] {
  const parts = new Map<string, Opening>();
  for (const opening of found) {
    const key = JSON.stringify([opening.about, opening.where, opening.depends, opening.rule]);
    const last = parts.get(key);
    if (last?.lastPort === opening.port - 1) parts.set(key, { ...last, lastPort: opening.lastPort });
    else {
      // Another range of ports of the same part has a line of its own.
      if (last !== undefined) parts.set(`${key} ${last.port}`, last);
      parts.set(key, opening);
    }
  }
  return [...parts.values()];
}

function describeAll(plugins: readonly PluginDifference[]): string {
  if (plugins.length === 0) return 'No destination differs\n';
  return plugins
    .map(({ plugin, opens, closes, requests, gateway }) =>
      [
        plugin,
        ...linesOf('opens', opens.map(describeOpening)),
        ...linesOf('closes', closes.map(describeOpening)),
        ...requests.flatMap(requestLines).flatMap(([word, text]) => linesOf(word, [text])),
        ...(gateway === true ? ['  its gateway differs'] : []),
        '',
      ].join('\n'),
    )
    .join('');
}

type Word = 'opens' | 'closes' | '';

function linesOf(word: Word, found: readonly string[]): readonly string[] {
  const shown = paint(word.padEnd(6), word === 'opens' ? 'yellow' : 'dim');
  const lines = found.slice(0, MOST_LINES).map((text) => `  ${shown}  ${text}`);
  return found.length > MOST_LINES
    ? [...lines, `  and ${found.length - MOST_LINES} more: --json shows all`]
    : lines;
}

function requestLines({
  host,
  opens,
  closes,
  unfinished,
}: HostDifference): readonly (readonly [Word, string])[] {
  return [
    ...opens.map((one) => ['opens', describeRequests(host, one, 'no more denied by')] as const),
    ...closes.map((one) => ['closes', describeRequests(host, one, 'denied by')] as const),
    ...(unfinished
      ? [['', `the rules for ${host} have more kinds of paths than were compared`] as const]
      : []),
  ];
}

function describeRequests(host: string, { methods, target, rule, denied }: HttpOpening, by: string): string {
  const why = [...(rule ? [`rule ${quote(rule)}`] : []), ...(denied ? [`${by} ${quote(denied)}`] : [])].join(
    ', ',
  );
  const what =
    target === UNREADABLE ? `${host}: paths that servers may read in more than one way` : host + target;
  return `${methods.join()} ${what}${why === '' ? '' : ` (${why})`}`;
}

const WHERES = {
  own: ', where that is an address of this host',
  listener: ', where postern itself listens there',
} as const;

/** A part of the destinations, as a line for a person. */
export function describeOpening({ about, port, lastPort, address, depends, where, rule }: Opening): string {
  const ports = port === 0 ? '' : port === lastPort ? `:${port}` : `:${port}-${lastPort}`;
  const at = depends && address !== undefined ? ` at ${address}` : '';
  const why =
    rule === undefined ? ' (mode audit)' : rule === `${about}${ports}` ? '' : ` (rule ${quote(rule)})`;
  return `${ABOUT[about] ?? about}${ports}${at}${where === undefined ? '' : WHERES[where]}${why}`;
}

const ABOUT: Readonly<Record<string, string>> = {
  '*': 'every other name',
  '* of one label': 'every other name of one label',
};
