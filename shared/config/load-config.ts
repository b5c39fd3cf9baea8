// Reads postern.yaml: every error at once, each with its place. Runs in the supervisor; trusts the file's author but not
// the file's form.
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { PosternError } from '../errors.js';
import { CONCURRENT_REQUESTS, PLUGIN_DESCRIPTORS, QUEUED_REQUESTS, REQUESTS_PER_SECOND } from '../limits.js';
import { compilePolicy } from '../policy/compile-policy.js';
import { NO_RESTART, PLUGIN_NAME, type PluginConfig } from './plugin-config.js';

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

const pluginSchema = z.strictObject({
  command: z.array(z.string()).min(1),
  env: z.record(z.string().regex(/^(?!POSTERN_)[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
  cwd: z.string().default('.'),
  allow: z.array(z.string()).default([]),
  deny: z.array(z.string()).default([]),
  mode: z.enum(['enforce', 'audit']).default('enforce'),
  egress: z.enum(['channel']).default('channel'),
  restart: z.strictObject({ policy: z.enum(['no']) }).default({ policy: 'no' }),
  filesystem: z
    .strictObject({ visible: z.array(z.string()).default([]), writable: z.array(z.string()).default([]) })
    .default({ visible: [], writable: [] }),
  limits: z
    .strictObject({
      concurrent_requests: z.int().min(1).max(10_000).default(CONCURRENT_REQUESTS),
      queued_requests: z.int().min(0).max(100_000).default(QUEUED_REQUESTS),
      requests_per_second: z.int().min(1).max(1_000_000).default(REQUESTS_PER_SECOND),
      descriptors: z.int().min(16).max(PLUGIN_DESCRIPTORS).default(PLUGIN_DESCRIPTORS),
    })
    .prefault({}),
});

const configSchema = z.strictObject({
  metrics: z.string().optional(),
  audit: z.string().default('stderr'),
  dns: z.array(z.string()).optional(),
  plugins: z.record(z.string().regex(PLUGIN_NAME, 'a name of a-z, 0-9, _ and -, at most 63'), pluginSchema),
});

export interface Config {
  readonly metrics: string | undefined;
  readonly audit: string;
  readonly dnsServers: readonly string[] | undefined;
  readonly plugins: readonly PluginConfig[];
}

/** @throws PosternError `bad_config` whose message has a line `FILE:LINE:COLUMN: …` for each error */
export function loadConfig(path: string): Config {
  const folder = dirname(resolve(path));
  const lines = new LineCounter();
  const document = parseDocument(read(path), {
    lineCounter: lines,
    uniqueKeys: true,
    maxAliasCount: 0,
  } as object);
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw badConfig(
      document.errors.map((error) => `${place(error.pos[0])}: ${error.message.split('\n')[0]}`),
    );
  }
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    throw badConfig(
      parsed.error.issues.map((issue) => {
        const at = issue.path.filter((key) => typeof key !== 'symbol');
        return `${place(offsetOf(document, at))}: ${at.join('.') || 'the file'}: ${issue.message}`;
      }),
    );
  }
  const { metrics, audit, dns, plugins } = parsed.data;
  const badRules = Object.entries(plugins).flatMap(([name, { allow, deny, mode }]) => {
    const compiled = compilePolicy({ allow, deny, mode });
    if (compiled.ok) return [];
    return compiled.problems.map(({ list, index, message, suggestion }) => {
      const at = ['plugins', name, list, index];
      const hint = suggestion === undefined ? '' : ` (try ${suggestion})`;
      return `${place(offsetOf(document, at))}: ${at.join('.')}: ${message}${hint}`;
    });
  });
  if (badRules.length > 0) throw badConfig(badRules);
  return {
    metrics,
    audit: audit === 'stderr' || audit === 'stdout' ? audit : resolve(folder, audit),
    dnsServers: dns,
    plugins: Object.entries(plugins).map(([name, plugin]) => ({
      name,
      command: plugin.command,
      env: plugin.env,
      cwd: resolve(folder, plugin.cwd),
      allow: plugin.allow,
      deny: plugin.deny,
      mode: plugin.mode,
      visible: plugin.filesystem.visible.map((item) => resolve(folder, item)),
      writable: plugin.filesystem.writable.map((item) => resolve(folder, item)),
      listen: [],
      restart: NO_RESTART,
      limits: {
        concurrentRequests: plugin.limits.concurrent_requests,
        queuedRequests: plugin.limits.queued_requests,
        requestsPerSecond: plugin.limits.requests_per_second,
        descriptors: plugin.limits.descriptors,
      },
    })),
  };
}

function read(path: string): string {
  try {
    if (statSync(path).size > MAX_CONFIG_BYTES) throw badConfig([`${path}: larger than 4 MiB`]);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof PosternError) throw cause;
    throw new PosternError('bad_config', `Cannot read "${path}"`, {
      mend: 'name the file with --config FILE',
      cause,
    });
  }
}

function badConfig(problems: readonly string[]): PosternError {
  return new PosternError('bad_config', problems.join('\n'));
}

/** Where the innermost node of a path that is there begins. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range !== null && node.range !== undefined) return node.range[0];
  }
  return 0;
}
