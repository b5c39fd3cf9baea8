// Checks the settings that an application creates a supervisor with.

import * as z from 'zod';
import { MOST_ASK_S } from '../../shared/config/config-file.js';
import { ConfigError, didYouMean } from '../../shared/config/config-problem.js';
import { readConfig } from '../../shared/config/load-config.js';
import { isNameServer, parseHostPort } from '../../shared/config/parse-host-port.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { type PluginSettings, STDIO, type SupervisorSettings } from './types.js';

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
  throw new PosternError('bad_config', parsed.error.issues.flatMap(linesOf), { cause: parsed.error });
}

function linesOf(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code !== 'unrecognized_keys')
    return [issue.path.length === 0 ? 'expected an object' : `${issue.path.join('.')}: ${issue.message}`];
  return issue.keys.map((key) => {
    const near = didYouMean(key, Object.keys(SCHEMA.shape));
    return `${key}: unknown key${near === undefined ? '' : `; ${near}`}`;
  });
}

// Turns the settings of an application into a checked configuration, by the rules of postern.yaml.

/** There is no such file. */
const NO_FILE = 'settings';

/** @throws PosternError `bad_config` with a line for each mistake, `plugins.NAME.KEY: …` */
export function readPlugin(settings: PluginSettings): PluginConfig {
  if (typeof settings !== 'object' || settings === null)
    throw new PosternError('bad_config', 'Expected an object with the settings of a plugin');
  const { name, stdio = 'pipe', ...keys } = settings;
  if (typeof name !== 'string') throw new PosternError('bad_config', 'A plugin needs a name');
  const streams: readonly unknown[] = typeof stdio === 'string' ? [stdio] : stdio;
  if (
    !Array.isArray(streams) ||
    streams.length !== (typeof stdio === 'string' ? 1 : 3) ||
    !streams.every((one) => STDIO.some((word) => word === one))
  )
    throw new PosternError(
      'bad_config',
      `plugins.${name}.stdio: expected ${STDIO.join(', ')}, or a list of three of them`,
    );
  try {
    const { plugins } = readConfig(NO_FILE, textOf({ plugins: { [name]: keys } }), process.cwd());
    const [plugin] = plugins;
    if (plugin !== undefined) return plugin.config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.problems.map(({ key, message, suggestion }) =>
      [key === '' ? message : `${key}: ${message}`, suggestion]
        .filter((part) => part !== undefined)
        .join('; '),
    );
    throw new PosternError('bad_config', lines, { cause: error });
  }
  throw new PosternError('bad_config', 'A plugin needs a name');
}

/** Every JSON text is YAML. */
function textOf(value: object): string {
  return JSON.stringify(value);
}
