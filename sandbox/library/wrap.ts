// The command line of `postern run` for a program and its policy, for hosts that start processes themselves.
import { resolve } from 'node:path';
import { bundlePath } from '../../shared/bundles.js';
import { ConfigError } from '../../shared/config/config-problem.js';
import { type FileGateway, loadGatewayFile } from '../../shared/config/gateway-file.js';
import { variablesOfGateway } from '../../shared/config/gateway-keys.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { KEPT, mayPass, outsideEnvironment } from '../supervisor/start/plugin-environment.js';
import { readProgram, requireObject, requireWithin, unknownKeys } from './read-settings.js';
import type { WrapPolicy, WrappedCommand } from './types.js';

const NOTHING: readonly string[] = [];

function repeated(option: string, values: readonly string[] = NOTHING): readonly string[] {
  return values.flatMap((value) => [option, value]);
}

function single(option: string, value: string | number | undefined): readonly string[] {
  return value === undefined ? NOTHING : [option, `${value}`];
}

type Options = (written: WrapPolicy, config: PluginConfig) => readonly string[];

/** The options of each key. Paths are absolute in the configuration, and rules of presets are among its rules. */
const OPTIONS: { readonly [K in keyof Required<WrapPolicy>]: Options } = {
  allow: (_written, { allow }) => repeated('--allow', allow),
  deny: (_written, { deny }) => repeated('--deny', deny),
  presets: () => NOTHING,
  mode: ({ mode }) => single('--mode', mode),
  egress: ({ egress }) => single('--egress', egress),
  filesystem: (_written, { visible, writable, hidden }) => [
    ...repeated('--visible', visible),
    ...repeated('--writable', writable),
    ...repeated('--hidden', hidden),
  ],
  home: (_written, { home }) => single('--home', home),
  listen: (_written, { listen }) =>
    repeated(
      '--listen',
      listen.map(({ name, address }) => `${name}=${address}`),
    ),
  limits: ({ limits = {} }) =>
    Object.entries(limits).flatMap(([name, value]) =>
      value === undefined ? NOTHING : ['--limit', `${name}=${value}`],
    ),
  seccomp: ({ seccomp }) => [
    ...repeated('--seccomp-allow', seccomp?.allow),
    ...repeated('--unsafe-seccomp-allow', seccomp?.unsafe_allow),
  ],
  via: (written, { via }) =>
    via === undefined
      ? NOTHING
      : [
          ...(via.proxy === undefined ? NOTHING : single('--via', written.via?.proxy)),
          ...single('--via-credentials', via.credentialsFile),
          ...single('--via-resolve', written.via?.resolve),
          ...repeated('--via-direct', via.direct),
          ...repeated('--via-source', via.source),
          ...single('--via-mark', via.mark),
          ...repeated('--dns', via.resolvers),
        ],
  env: (_written, { env }) => repeated('--env', Object.keys(env)),
  gateway: ({ gateway }) => (gateway === undefined ? NOTHING : ['--gateway', resolve(gateway)]),
  cwd: ({ cwd }, config) => (cwd === undefined ? NOTHING : ['--cwd', config.cwd]),
  // It is compared here.
  within: () => NOTHING,
};

const { env: _env, cwd: _cwd, ...ofPolicy } = OPTIONS;
/** The keys of a policy. */
export const POLICY_KEYS: readonly string[] = Object.keys(ofPolicy);

/**
 * Makes the command that runs a program in a sandbox, for a host that starts its processes itself, as an MCP client does. Nothing is started here. The
 * command is that of `postern run`: it tells refusals on its stderr, and ends as its program does.
 *
 * @param command the program: a path, or a name that is looked for in PATH
 * @param args its arguments
 * @param policy what it may do. Without one it may connect to nothing. `env` has its variables: it gets none of yours besides PATH, LANG and a few more
 * @returns what child_process.spawn() and the transports of MCP take. `env` may be merged into a larger environment. Start postern with it: values in `env`
 *   are secret from others on the host, since they are in no argument
 * @throws PosternError `bad_config` with a line for each mistake, which begins with the argument: `policy.allow[1]: …`
 * @example
 * import { spawn } from 'node:child_process';
 * import { wrap } from 'postern';
 *
 * const { command, args, env } = wrap('npx', ['--yes', '@modelcontextprotocol/server-everything'], {
 *   allow: ['registry.npmjs.org'],
 * });
 * spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
 */
export function wrap(command: string, args: readonly string[], policy: WrapPolicy = {}): WrappedCommand {
  requireObject('policy', policy);
  const { within, gateway, secrets: refused, ...keys }: WrapPolicy & { readonly secrets?: unknown } = policy;
  const wrong = [
    ...unknownKeys('policy', policy, [...Object.keys(OPTIONS), 'secrets']),
    ...(refused === undefined ? [] : [`policy.secrets: ${NO_SECRETS}`]),
    ...(gateway === undefined || (typeof gateway === 'string' && gateway !== '')
      ? []
      : [`policy.gateway: ${NO_GATEWAY}`]),
  ];
  const config = readProgram(command, args, keys, undefined, (key) => `policy.${key}`, wrong);
  const own = gateway === undefined ? {} : gatewayOf(gateway, config);
  requireWithin({ ...config, ...own }, within, 'policy');
  // The program gets none of these.
  const { secrets } = variablesOfGateway(own);
  const outside = Object.entries(outsideEnvironment()).flatMap(([key, value]) =>
    value !== undefined && (key === 'HOME' || mayPass(key) || secrets.includes(key))
      ? [[key, value] as const]
      : [],
  );
  // Under their own names, PATH and LD_PRELOAD of the program would choose what postern itself runs, outside of the sandbox.
  const inside = Object.entries(config.env).map(
    // protects: G14 wrap: variables of the program are none of postern's => ([key, value]) => [key, value] as const
    ([key, value]) => [`${KEPT}${key}`, value] as const,
  );
  return {
    command: bundlePath('postern'),
    args: [
      'run',
      ...Object.values(OPTIONS).flatMap((options) => options(policy, config)),
      '--',
      ...config.command,
    ],
    env: Object.fromEntries([...outside, ...inside]),
  };
}

const NO_SECRETS =
  'a command line would show them to every user of the host; name a file that has secrets and gateway (policy.gateway), or take spawn()';
const NO_GATEWAY =
  'expected the path of a file that has gateway and secrets; spawn() takes them without a file';

/** @throws PosternError `bad_config` with a line for each mistake in the file */
function gatewayOf(path: string, { allow, deny }: PluginConfig): FileGateway {
  const placed = (
    list: readonly string[],
    place: string,
  ): { readonly text: string; readonly place: string }[] => list.map((text) => ({ text, place }));
  try {
    return loadGatewayFile(path, {
      allow: placed(allow, 'policy.allow'),
      deny: placed(deny, 'policy.deny'),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new PosternError(
      'bad_config',
      error.lines.map((line) => `policy.gateway: ${line}`),
      { cause: error },
    );
  }
}
