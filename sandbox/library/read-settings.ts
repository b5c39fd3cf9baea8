// Checks the settings that an application creates a supervisor with.
import * as z from 'zod';
import { MOST_ASK_S } from '../../shared/config/config-file.js';
import { didYouMean } from '../../shared/config/config-problem.js';
import { isNameServer, parseHostPort } from '../../shared/config/parse-host-port.js';
import { PosternError } from '../../shared/errors.js';
import type { SupervisorSettings } from './types.js';

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
