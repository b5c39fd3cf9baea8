// Reads a configuration: text, schema, defaults, checks. What comes out is whole and checked.

import { dirname, resolve } from 'node:path';
import { checkValues } from './check-values.js';
import {
  type AuditFormat,
  type ConfigFile,
  DEFAULT_ASK_S,
  DEFAULT_AUDIT,
  DEFAULT_AUDIT_FORMAT,
  DEFAULT_POLL_S,
  DEFAULT_STOP_GRACE_MS,
  DEFAULT_WHEN_FULL,
  type DefaultKeys,
  type PluginKeys,
  type WhenFull,
} from './config-file.js';
import { ConfigError, type ConfigProblem } from './config-problem.js';
import { configSchema } from './config-schema.js';
import { readConfigText } from './config-text.js';
import { explainIssues } from './explain-issue.js';
import { DEFAULT_EXPORT_S, EXPORT_SIGNALS, type ExportConfig } from './export-config.js';
import { checkGateway, checkSecrets, pluginGateway } from './gateway-config.js';
import type { GivenSecrets } from './gateway-keys.js';
import { findHook, type HookCommand } from './hook-command.js';
import { limitsOf } from './limit-forms.js';
import type { PlacedRules } from './placed-rules.js';
import { DEFAULT_READY_S, DEFAULT_REVOKE, type PluginConfig, plainPlugin } from './plugin-config.js';
import type { PolicyConfig } from './policy-config.js';
import { readProxyUrl } from './proxy-url.js';
import { gatherRules } from './rule-file.js';
import { absoluteUi, type UiConfig } from './ui-address.js';
import { DEFAULT_RESOLVES, NO_PROXY, type ViaConfig, type WrittenVia } from './via-config.js';
import { type KeyPath, YamlSource } from './yaml-source.js';

// Reads postern.yaml, and reports every error at once with its place. Trusts the author of the file, but not its
// form.

export interface LoadedPlugin {
  readonly config: PluginConfig;
  /** Its rules with their places. Those of defaults and presets are among them. */
  readonly rules: PlacedRules;
  /** Plugins that start before it and stop after it. */
  readonly after: readonly string[];
  /** Its system calls that weaken a guarantee, with `FILE:LINE`. */
  readonly unsafeCalls: readonly { readonly call: string; readonly place: string }[];
}

export type PathList = 'visible' | 'writable' | 'hidden';

export interface Config {
  readonly metrics: string | undefined;
  /** `stderr`, `stdout` or an absolute path. */
  readonly audit: string;
  readonly auditFormat: AuditFormat;
  readonly auditWhenFull: WhenFull;
  /** An absolute path, or `off`; undefined: the default place. */
  readonly control: string | undefined;
  /** Where the live page is served; undefined: nowhere. */
  readonly ui: UiConfig | undefined;
  readonly dnsServers: readonly string[] | undefined;
  /** How long all plugins together may take to stop, in milliseconds. */
  readonly stopGraceMs: number;
  /** Whether the file is read again whenever it changes. */
  readonly watch: boolean;
  /** How long a question about an unknown destination waits for its answer, in milliseconds. */
  readonly askMs: number;
  /** The program that answers such questions. */
  readonly hook: HookCommand | undefined;
  /** Where the policy comes from that bounds the rules of all plugins. */
  readonly policy: PolicyConfig | undefined;
  /** Where audit events and metrics go besides the log and the port. */
  readonly export: ExportConfig | undefined;
  /** Absolute paths of the file itself, of its presets, of the key of its policy, and of what its export reads. */
  readonly files: readonly string[];
  /** In the order of the file. */
  readonly plugins: readonly LoadedPlugin[];
  /** Makes a problem at a key, for a caller that finds the host and not the file at fault. */
  readonly problem: YamlSource['problem'];
  /** `FILE:LINE` of a key; undefined if the file does not have it. */
  readonly placeOf: (key: KeyPath) => string | undefined;
  /**
   * Where the file has what is refused of a plugin: in the plugin or in the defaults.
   *
   * @param key as in `['filesystem', 'visible']`
   * @param path the absolute path that is meant, where the key is a list of paths
   */
  readonly keyOf: (plugin: string, key: KeyPath, path?: string) => KeyPath;
  /** `FILE:LINE` of a path in a list of a plugin, or of the defaults. */
  readonly placeOfPath: (plugin: string, list: PathList, path: string) => string | undefined;
}

/** @throws ConfigError whose message has a line `FILE:LINE:COLUMN: …` for each error */
export function loadConfig(path: string): Config {
  const folder = dirname(resolve(path));
  return readConfig(
    path,
    readConfigText(path, 'name another file, or write a first one with postern init'),
    folder,
  );
}

/**
 * @param path of the file with this text
 * @param folder for relative paths in the text, absolute
 * @param given values of secrets that the text names without saying where they are
 * @throws ConfigError as {@link loadConfig} does
 */
export function readConfig(path: string, text: string, folder: string, given?: GivenSecrets): Config {
  const absolute = (relative: string): string => resolve(folder, relative);
  const source = new YamlSource(path, text);
  const parsed = configSchema.safeParse(source.value);
  const problems: ConfigProblem[] = parsed.success
    ? []
    : explainIssues(parsed.error.issues, configSchema, source);
  const { rules, presets, problems: ruleProblems } = gatherRules(source, dirname(path));
  problems.push(...ruleProblems);
  problems.push(...checkValues(source, absolute), ...checkSecrets(source, absolute('.'), given));
  for (const name of source.keysAt(['plugins']) ?? [])
    problems.push(...checkGateway(source, ['plugins', name], rules(name), absolute));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const { metrics, control, dns, policy, export: written, defaults = {}, plugins } = parsed.data;
  const exported = written && exportOf(written, defaults, absolute);
  const keyOf = (plugin: string, key: KeyPath, path?: string): KeyPath | undefined => {
    // Secrets are of the whole file.
    const keys = [['plugins', plugin], ['defaults'], []].map((at) => [...at, ...key]);
    if (path === undefined) return keys.find((one) => source.valueAt(one) !== undefined);
    return keys.flatMap((one) => source.textsAt(one)).find(({ text }) => absolute(text) === path)?.key;
  };
  const {
    to: audit = DEFAULT_AUDIT,
    format: auditFormat = DEFAULT_AUDIT_FORMAT,
    when_full: auditWhenFull = DEFAULT_WHEN_FULL,
  } = typeof parsed.data.audit === 'string' ? { to: parsed.data.audit } : (parsed.data.audit ?? {});
  const ui = typeof parsed.data.ui === 'string' ? { address: parsed.data.ui } : parsed.data.ui;
  const hook = findHook(parsed.data.ask?.hook ?? [], folder);
  return {
    metrics,
    audit: audit === 'stderr' || audit === 'stdout' ? audit : absolute(audit),
    auditFormat,
    auditWhenFull,
    control: control === undefined || control === 'off' ? control : absolute(control),
    ui: ui && { address: absoluteUi(ui.address, absolute), edit: ui.edit ?? false },
    dnsServers: dns,
    stopGraceMs: parsed.data.stop_grace_ms ?? DEFAULT_STOP_GRACE_MS,
    watch: parsed.data.reload?.watch ?? false,
    askMs: (parsed.data.ask?.timeout_s ?? DEFAULT_ASK_S) * 1000,
    hook,
    policy: policy && {
      url: policy.url,
      pollMs: (policy.poll_s ?? DEFAULT_POLL_S) * 1000,
      publicKey: absolute(policy.public_key),
      addresses: policy.addresses ?? [],
      via: mergeVia(undefined, defaults.via, absolute),
    },
    export: exported,
    files: [
      resolve(path),
      ...presets.map((one) => resolve(one)),
      ...(policy === undefined ? [] : [absolute(policy.public_key)]),
      // protects: G25 export: no plugin writes what it trusts and sends
      ...[exported?.headersFile ?? [], exported?.ca ?? []].flat(),
    ],
    problem: (...words) => source.problem(...words),
    placeOf: (key) => (source.valueAt(key) === undefined ? undefined : source.lineOf(key)),
    keyOf: (plugin, key, path) => keyOf(plugin, key, path) ?? ['plugins', plugin, ...key],
    placeOfPath: (plugin, list, path) => {
      const key = keyOf(plugin, ['filesystem', list], path);
      return key && source.lineOf(key);
    },
    plugins: Object.entries(plugins).map(([name, plugin]) => {
      const placed = rules(name);
      const config = {
        ...mergeDefaults(name, plugin, defaults, absolute, (index) =>
          source.lineOf(['plugins', name, 'listen', index]),
        ),
        allow: placed.allow.map(({ text }) => text),
        deny: placed.deny.map(({ text }) => text),
        ...withSecret(
          pluginGateway(plugin.gateway, parsed.data.secrets ?? {}, placed, absolute, given),
          exported?.headersFile,
        ),
        revoke: parsed.data.reload?.revoke ?? DEFAULT_REVOKE,
      };
      const unsafeCalls = [['defaults'], ['plugins', name]].flatMap((at) =>
        source
          .textsAt([...at, 'seccomp', 'unsafe_allow'])
          .map(({ key, text }) => ({ call: text, place: source.lineOf(key) })),
      );
      return { config, rules: placed, after: plugin.after ?? [], unsafeCalls };
    }),
  };
}

type WrittenExport = NonNullable<ConfigFile['export']>;

function exportOf(
  {
    otlp,
    headers_file: headersFile,
    ca,
    signals = EXPORT_SIGNALS,
    interval_s,
    addresses = [],
  }: WrittenExport,
  defaults: DefaultKeys,
  absolute: (path: string) => string,
): ExportConfig {
  return {
    otlp: otlp.replace(/\/$/, ''),
    headersFile: headersFile && absolute(headersFile),
    ca: ca && absolute(ca),
    signals,
    intervalMs: (interval_s ?? DEFAULT_EXPORT_S) * 1000,
    addresses,
    via: mergeVia(undefined, defaults.via, absolute),
  };
}

/** No plugin sees the file. Its name is the key, and that of no secret: these have no dot. */
function withSecret<G extends ReturnType<typeof pluginGateway>>(gateway: G, path: string | undefined): G {
  if (path === undefined) return gateway;
  const others = { ...gateway.otherSecrets, 'export.headers_file': { from: 'file', path } as const };
  // protects: G25 export: no plugin sees the headers => return gateway;
  return { ...gateway, otherSecrets: others };
}

// Merges the keys of a plugin with those of `defaults`: lists are joined, maps merged key by key, single values replaced. Pure.

/**
 * Everything of a plugin except its rules, which may be in other files too.
 *
 * @param placeOf `FILE:LINE` of a listener by its index
 */
function mergeDefaults(
  name: string,
  plugin: PluginKeys,
  defaults: DefaultKeys,
  absolute: (path: string) => string,
  placeOf: (listener: number) => string,
): Omit<PluginConfig, 'allow' | 'deny'> {
  const plain = plainPlugin(name, plugin.command);
  const stop = { ...defaults.stop, ...plugin.stop };
  const restart = { ...defaults.restart, ...plugin.restart };
  const filesystem = (list: 'visible' | 'writable' | 'hidden'): readonly string[] =>
    [...(defaults.filesystem?.[list] ?? []), ...(plugin.filesystem?.[list] ?? [])].map(absolute);
  const calls = (list: 'allow' | 'unsafe_allow'): readonly string[] => [
    ...(defaults.seccomp?.[list] ?? []),
    ...(plugin.seccomp?.[list] ?? []),
  ];
  return {
    name,
    command: plugin.command,
    env: { ...defaults.env, ...plugin.env },
    cwd: absolute(plugin.cwd ?? defaults.cwd ?? '.'),
    mode: plugin.mode ?? defaults.mode ?? plain.mode,
    unknown: plugin.unknown ?? defaults.unknown ?? plain.unknown,
    egress: plugin.egress ?? defaults.egress ?? plain.egress,
    visible: filesystem('visible'),
    writable: filesystem('writable'),
    hidden: filesystem('hidden'),
    home: plugin.home === undefined ? undefined : absolute(plugin.home),
    listen: (plugin.listen ?? []).map(({ name: listener, address }, index) => ({
      name: listener,
      address: address.includes('/') ? absolute(address) : address,
      place: placeOf(index),
    })),
    kind: plugin.kind ?? plain.kind,
    ready: readyOf(plugin.ready),
    stop: { signal: stop.signal ?? plain.stop.signal, graceMs: stop.grace_ms ?? plain.stop.graceMs },
    restart: {
      policy: restart.policy ?? plain.restart.policy,
      delayMs: restart.delay_ms ?? plain.restart.delayMs,
      maxDelayMs: restart.max_delay_ms ?? plain.restart.maxDelayMs,
      resetAfterMs: restart.reset_after_ms ?? plain.restart.resetAfterMs,
    },
    via: mergeVia(plugin.via, defaults.via, absolute),
    limits: limitsOf({ ...defaults.limits, ...plugin.limits }),
    addedCalls: [...new Set([...calls('allow'), ...calls('unsafe_allow')])],
  };
}

function readyOf(ready: PluginKeys['ready']): PluginConfig['ready'] {
  if (ready === undefined) return undefined;
  const timeoutS = ready.timeout_s ?? DEFAULT_READY_S;
  if (ready.notify === true) return { by: 'notify', timeoutS };
  return ready.listener === undefined
    ? { by: 'after', milliseconds: ready.after_ms ?? 0 }
    : { by: 'listener', name: ready.listener, timeoutS };
}

// Merges `via` of a plugin with that of `defaults`. Pure. Its values were checked.

/** Credentials go with the proxy of their own map: another proxy must not get them. */
export function mergeVia(
  plugin: WrittenVia | undefined,
  defaults: WrittenVia | undefined,
  absolute: (path: string) => string,
): ViaConfig | undefined {
  if (plugin === undefined && defaults === undefined) return undefined;
  const { proxy: url = NO_PROXY, credentials_file: file } =
    /* protects: G6 a plugin's own proxy does not get the credentials of another (whole) => ({ ...defaults, ...plugin }) */ (plugin?.proxy ===
    undefined
      ? defaults
      : plugin) ?? {};
  const read = url === NO_PROXY ? undefined : readProxyUrl(url);
  const proxy = read?.ok === true ? read.proxy : undefined;
  const source = plugin?.source ?? defaults?.source ?? [];
  return {
    proxy,
    credentialsFile: proxy === undefined || file === undefined ? undefined : absolute(file),
    resolve: plugin?.resolve ?? defaults?.resolve ?? DEFAULT_RESOLVES,
    direct: [...(defaults?.direct ?? []), ...(plugin?.direct ?? [])],
    mark: plugin?.mark ?? defaults?.mark,
    source: typeof source === 'string' ? [source] : source,
    resolvers: [...(defaults?.resolvers ?? []), ...(plugin?.resolvers ?? [])],
  };
}
