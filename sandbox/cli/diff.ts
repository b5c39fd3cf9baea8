// postern diff: which destinations a change of the configuration opens and closes; and for `check --within`, what a configuration opens beyond a file of
// rules. Both files are read alone: nothing of the host is asked, and nothing is started.
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { ConfigError } from '../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import type { PlacedRules } from '../../shared/config/placed-rules.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { type Opening, openings } from '../../shared/policy/compare-policies.js';
import type { PolicySource } from '../../shared/policy/policy.js';
import { quote } from '../../shared/policy/quote.js';
import { openingsBeyond } from '../supervisor/policy/boundary.js';
import { makeCommand } from './program.js';
import { describeError, paint, say } from './say.js';

/** Lines for a person, of one plugin and direction. JSON has all. */
const MOST_LINES = 40;
/** The same, of a reload and all its plugins. */
const MOST_RELOAD_LINES = 20;
/** Parts of one plugin and direction that a reload looks at: meanwhile nothing else is done. */
const MOST_PARTS = 200;
const NOTHING: PolicySource = { allow: [], deny: [] };

interface PluginDifference {
  readonly plugin: string;
  readonly opens: readonly Opening[];
  readonly closes: readonly Opening[];
  /** Whether it has another gateway: other rules for methods and paths, other headers. Missing: the same. */
  readonly gateway?: true;
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

It compares the destinations of each plugin: names, addresses, ports and sockets. Of a gateway it says that it differs.
Of approvals, ways out, listeners and files it says nothing.
Exit status: 0 where neither differs, 1 where one does, 2 for wrong usage or an invalid file.`,
    )
    .action((before: string, after: string, options: { json?: boolean }) => {
      let plugins: readonly PluginDifference[];
      try {
        plugins = differences(loadConfig(before), loadConfig(after));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        say(describeError(error));
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
  const [opens, closes] = [
    joined(first(most, openings(after, before))),
    joined(first(most, openings(before, after))),
  ];
  const sameGateway = isDeepStrictEqual(was?.gateway, is?.gateway);
  if (sameGateway && opens.length + closes.length === 0) return undefined;
  return { plugin, opens, closes, ...(sameGateway ? {} : { gateway: true }) };
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
    const found = difference(name, former?.get(name), next?.get(name), MOST_PARTS);
    if (found === undefined) continue;
    lines.push(
      ...found.opens.map((opening) => `${name}: opens ${describeOpening(opening)}`),
      ...found.closes.map((opening) => `${name}: closes ${describeOpening(opening)}`),
      ...(found.gateway === true ? [`${name}: its gateway differs`] : []),
    );
  }
  const more = lines.length - MOST_RELOAD_LINES;
  return more > 0 ? [...lines.slice(0, MOST_RELOAD_LINES), `and ${more} more: see postern diff`] : lines;
}

/** What the plugins of a configuration may reach beyond `boundary`. */
export function beyond(
  { plugins }: Config,
  boundary: PlacedRules,
): readonly { readonly plugin: string; readonly opens: readonly Opening[] }[] {
  const allowed = { allow: boundary.allow.map(textOf), deny: boundary.deny.map(textOf) };
  return plugins.flatMap(({ config }) => {
    const opens = joined(openingsBeyond(config, allowed));
    return opens.length === 0 ? [] : [{ plugin: config.name, opens }];
  });
}

const textOf = ({ text }: { readonly text: string }): string => text;

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
    .map(({ plugin, opens, closes, gateway }) =>
      [
        plugin,
        ...linesOf('opens', opens),
        ...linesOf('closes', closes),
        ...(gateway === true ? ['  its gateway differs'] : []),
        '',
      ].join('\n'),
    )
    .join('');
}

function linesOf(word: 'opens' | 'closes', found: readonly Opening[]): readonly string[] {
  const shown = paint(word.padEnd(6), word === 'opens' ? 'yellow' : 'dim');
  const lines = found.slice(0, MOST_LINES).map((opening) => `  ${shown}  ${describeOpening(opening)}`);
  return found.length > MOST_LINES
    ? [...lines, `  and ${found.length - MOST_LINES} more: --json shows all`]
    : lines;
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
