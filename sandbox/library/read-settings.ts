// Checks the settings that an application creates a supervisor with.

import * as z from 'zod';
import {
  type GatewayKeys,
  MOST_ASK_S,
  type OrderKeys,
  type ProgramKeys,
} from '../../shared/config/config-file.js';
import { ConfigError, didYouMean } from '../../shared/config/config-problem.js';
import type { GivenSecrets } from '../../shared/config/gateway-keys.js';
import { readConfig } from '../../shared/config/load-config.js';
import { isNameServer, parseHostPort } from '../../shared/config/parse-host-port.js';
import {
  PLUGIN_NAME,
  type PluginConfig,
  plainPlugin,
  pluginNameOf,
} from '../../shared/config/plugin-config.js';
import { readBoundary } from '../../shared/config/rule-file.js';
import { secretOf, secretProblem } from '../../shared/config/secret-template.js';
import { PosternError } from '../../shared/errors.js';
import { exampleOf } from '../../shared/policy/compare-policies.js';
import type { Boundary } from '../../shared/policy/policy.js';
import { quote } from '../../shared/policy/quote.js';
import { MOST_BEGINNINGS, openingsBeyond, requestsBeyond } from '../supervisor/policy/boundary.js';
import { PLUGIN_EVENTS } from './plugin-events.js';
import { type PluginSettings, type PolicySettings, STREAM_KINDS, type SupervisorSettings } from './types.js';

const MOST_ASK_MS = MOST_ASK_S * 1000;

const text = (isGood: (value: string) => boolean, expected: string): z.ZodOptional<z.ZodString> =>
  z.string({ error: expected }).refine(isGood, { error: expected }).optional();
const isFunction = (value: unknown): boolean => typeof value === 'function';
const called = (expected: string): z.ZodType => z.custom(isFunction, { error: expected }).optional();
const time = { error: `expected milliseconds, 1 to ${MOST_ASK_MS}` };

const SCHEMA = z.strictObject({
  metrics: text((value) => parseHostPort(value) !== undefined, 'expected HOST:PORT, as 127.0.0.1:9464'),
  audit: z
    .custom((value) => isFunction(value) || (typeof value === 'string' && value !== ''), {
      error: 'expected a function, or the path of a file',
    })
    .optional(),
  dns: z
    .array(
      z.string().refine(isNameServer, { error: 'expected the address of a DNS server, as 127.0.0.53' }),
      {
        error: 'expected a list of addresses, as ["127.0.0.53"]',
      },
    )
    .min(1, 'expected at least one address')
    .optional(),
  ask: called('expected a function'),
  askMs: z.number(time).int(time).min(1, time).max(MOST_ASK_MS, time).optional(),
  control: text((value) => value !== '', 'expected a path, or "off"'),
  onNotice: called('expected a function'),
} satisfies Record<keyof SupervisorSettings, z.ZodType>);

/** @throws PosternError `bad_config` with a line for each mistake, `KEY: …` */
export function readSettings(settings: SupervisorSettings): SupervisorSettings {
  const parsed = SCHEMA.safeParse(settings);
  if (parsed.success) return settings;
  const known = Object.keys(SCHEMA.shape);
  const lines = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey(key, known))
      : [`${issue.path.length === 0 ? 'settings' : issue.path.join('.')}: ${issue.message}`],
  );
  throw new PosternError('bad_config', lines, { cause: parsed.error });
}

/** A line about a key that there is not. */
function unknownKey(key: string, known: readonly string[], place = key): string {
  const near = didYouMean(key, known);
  return `${place}: unknown key${near === undefined ? '' : `; ${near}`}`;
}

// Turns the settings of an application into a checked configuration, by the rules of postern.yaml.

/** There is no such file. */
const NO_FILE = 'settings';
export const STDIO: string = `expected ${STREAM_KINDS.join(', ')}, or a list of three of them`;

/** @throws PosternError `bad_config` with a line for each mistake, `KEY: …` */
export function readPlugin(settings: PluginSettings): PluginConfig {
  requireObject('settings', settings);
  const { name, stdio, on, secrets, ...keys } = settings;
  const isName = typeof name === 'string' && PLUGIN_NAME.test(name);
  // The other keys are read under some name all the same, so that each mistake is told at once.
  const read = readKeys(isName ? name : 'plugin', keys, secrets);
  const wrong = [
    ...(isName ? [] : ['name: expected a-z, 0-9, _ and -, at most 63 characters, a letter or digit first']),
    ...(isStdio(stdio) ? [] : [`stdio: ${STDIO}`]),
    ...mistakesOfListeners(on),
    ...read.mistakes,
  ];
  if (read.config === undefined || wrong.length > 0)
    throw new PosternError('bad_config', wrong, { cause: read.cause });
  return read.config;
}

/** The keys that may change while a plugin runs. @throws PosternError `bad_config` */
export function readPolicy(policy: PolicySettings): Required<PolicySettings> {
  requireObject('policy', policy);
  const { allow = [], deny = [], mode = DEFAULTS.mode, unknown = DEFAULTS.unknown, ...others } = policy;
  const read = { allow, deny, mode, unknown };
  const wrong = Object.keys(others).map((key) => unknownKey(key, Object.keys(read)));
  if (wrong.length > 0) throw new PosternError('bad_config', wrong);
  return read;
}

const DEFAULTS = plainPlugin('plugin', []);

/** @throws PosternError `bad_config` */
export function requireObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PosternError('bad_config', `${name}: expected an object`);
}

/** @returns a line for each key that is not known. @param place of the object, in the words of the caller */
export function unknownKeys(place: string, value: object, known: readonly string[]): readonly string[] {
  return Object.keys(value).flatMap((key) =>
    known.includes(key) ? [] : [unknownKey(key, known, `${place}.${key}`)],
  );
}

export function isStdio(stdio: unknown): boolean {
  const isKind = (one: unknown): boolean => STREAM_KINDS.some((kind) => kind === one);
  return (
    stdio === undefined ||
    isKind(stdio) ||
    (Array.isArray(stdio) && stdio.length === STREAM_KINDS.length && stdio.every(isKind))
  );
}

function mistakesOfListeners(on: unknown): readonly string[] {
  if (on === undefined) return [];
  if (typeof on !== 'object' || on === null) return ['on: expected an object with a function for each event'];
  return Object.entries(on).flatMap(([event, listener]) => {
    if (!PLUGIN_EVENTS.some((known) => known === event))
      return [unknownKey(event, PLUGIN_EVENTS, `on.${event}`)];
    return listener === undefined || isFunction(listener) ? [] : [`on.${event}: expected a function`];
  });
}

/**
 * Takes the values out of `secrets`. The text that is checked then holds none, so no message can quote one.
 *
 * @param secrets the checks say if it is no map of maps
 */
function takeValues(secrets: unknown): {
  readonly written: unknown;
  readonly given: GivenSecrets;
  readonly mistakes: readonly string[];
} {
  const given = new Map<string, () => string>();
  const mistakes: string[] = [];
  if (!isMap(secrets)) return { written: secrets, given, mistakes };
  const written = Object.entries(secrets).map(([name, one]) => {
    if (!isMap(one) || !('value' in one)) return [name, one] as const;
    const { value, ...others } = one;
    const problem = typeof value === 'string' ? secretProblem(secretOf(value)) : 'expected a string';
    if (problem !== undefined) mistakes.push(`secrets.${name}.value: ${problem}`);
    given.set(name, () => String(value));
    return [name, others] as const;
  });
  return { written: Object.fromEntries(written), given, mistakes };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param placeOf a key in the words of the caller */
function linesOf({ problems }: ConfigError, placeOf: (key: string) => string): readonly string[] {
  return problems.map(({ key, message, suggestion }) =>
    [`${placeOf(key)}: ${message}`, suggestion].filter((part) => part !== undefined).join('; '),
  );
}

interface ReadKeys {
  readonly config?: PluginConfig;
  readonly mistakes: readonly string[];
  readonly cause?: unknown;
}

/** @param name good @param placeOf a key in the words of the caller */
function readKeys(
  name: string,
  keys: ProgramKeys & GatewayKeys,
  secrets: unknown,
  placeOf: (key: string) => string = (key) => key,
): ReadKeys {
  const ordering = ORDERING.filter((key) => key in keys).map((key) => unknownKey(key, []));
  if (ordering.length > 0) return { mistakes: ordering };
  const { written, given, mistakes: ofValues } = takeValues(secrets);
  const wrong = ofValues.map(placeOf);
  try {
    const text = textOf({ secrets: written, plugins: { [name]: keys } });
    const { plugins, files } = readConfig(NO_FILE, text, process.cwd(), given);
    const [, ...ruleFiles] = files;
    const [read] = plugins;
    if (read === undefined) return { mistakes: wrong };
    return { config: ruleFiles.length === 0 ? read.config : { ...read.config, ruleFiles }, mistakes: wrong };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const mistakes = linesOf(error, (key) =>
      placeOf(key.replace(`plugins.${name}`, '').replace(/^\./, '') || 'settings'),
    );
    return { mistakes: [...mistakes, ...wrong], cause: error };
  }
}

/**
 * Reads what a program is started with, for those who name command and arguments apart.
 *
 * @param keys known ones
 * @param secrets those that the gateway names
 * @param placeOf a key in the words of the caller
 * @param others mistakes that were found already
 * @throws PosternError `bad_config` with a line for each mistake
 */
export function readProgram(
  command: unknown,
  args: unknown,
  keys: Omit<ProgramKeys, 'command'> & GatewayKeys,
  secrets: unknown,
  placeOf: (key: string) => string,
  others: readonly string[],
): PluginConfig {
  const words: readonly unknown[] = Array.isArray(args) ? args : [null];
  const isProgram = typeof command === 'string' && command !== '';
  const areWords = words.every((word) => typeof word === 'string');
  const program = isProgram ? command : 'program';
  const read = readKeys(
    pluginNameOf(program),
    { ...keys, command: areWords ? [program, ...words] : [program] },
    secrets,
    placeOf,
  );
  const wrong = [
    ...(isProgram ? [] : ['command: expected the name or the path of a program']),
    ...(areWords ? [] : ['args: expected a list of strings']),
    ...others,
    ...read.mistakes,
  ];
  // An unknown key of a policy is unknown to a file too.
  if (read.config === undefined || wrong.length > 0)
    throw new PosternError('bad_config', [...new Set(wrong)], { cause: read.cause });
  return read.config;
}

/**
 * Compares a policy with rules that bound it, exactly: its destinations, and the requests that its gateway lets through.
 *
 * @param place of the policy, in the words of the caller
 * @throws PosternError `bad_config` for a mistake in `within`, or with a destination or request that goes beyond it
 */
export function requireWithin(config: PluginConfig, within: unknown, place: string): void {
  if (within === undefined) return;
  const name = `${place}.within`;
  requireObject(name, within);
  const wrong = unknownKeys(name, within as object, ['allow', 'deny', 'gateway']);
  if (wrong.length > 0) throw new PosternError('bad_config', wrong);
  const boundary = boundaryOf(name, within as object);
  const beyond = firstBeyond(config, boundary);
  if (beyond !== undefined)
    throw new PosternError('bad_config', [`${place}: ${beyond}, and ${name} does not`]);
}

/** @param place of the boundary, in the words of the caller */
function boundaryOf(place: string, within: object): Boundary {
  try {
    return readBoundary(NO_FILE, textOf(within));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new PosternError(
      'bad_config',
      linesOf(error, (key) => [place, key].filter(Boolean).join('.')),
      {
        cause: error,
      },
    );
  }
}

function firstBeyond(config: PluginConfig, boundary: Boundary): string | undefined {
  // protects: G24 library: what goes beyond the rules that bound it is not started => const [opening] = openingsBeyond({ ...config, allow: [] }, boundary);
  const [opening] = openingsBeyond(config, boundary);
  if (opening !== undefined) {
    const what = opening.rule === undefined ? 'mode audit' : `the rule ${quote(opening.rule)}`;
    return `${what} allows ${exampleOf(opening)}`;
  }
  // protects: G24 library: nor what its gateway lets through => const [requests] = requestsBeyond(config, { ...boundary, gateway: new Map() }, MOST_BEGINNINGS);
  const [requests] = requestsBeyond(config, boundary, MOST_BEGINNINGS);
  if (requests === undefined) return undefined;
  const [{ methods, target } = { methods: ['*'], target: '/**' }] = requests.openings;
  return `its gateway lets ${methods.join()} ${target} of ${requests.host} through`;
}

/** They are about the other plugins of a file. */
const ORDERING = ['after', 'kind', 'ready'] as const satisfies readonly (keyof OrderKeys)[];

/** Every JSON text is YAML. What JSON cannot hold becomes null, which no key takes. */
function textOf(value: object): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    ['function', 'symbol', 'bigint'].includes(typeof one) ? null : one,
  );
}
