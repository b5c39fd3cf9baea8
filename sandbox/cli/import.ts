// postern import: turns the settings of another tool into a configuration, and lists what has no counterpart.
//
// Each reader turns the parsed settings into plugins and remarks, and looks only whether paths of theirs are there. What cannot be said in rules is left
// closed and becomes a remark: a key that nobody read is never passed over in silence. What the settings deny and rules cannot say is a remark too, and
// keeps `run --srt-settings` from running anything.

import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { ConfigError } from '../../shared/config/config-problem.js';
import { pluginNameOf } from '../../shared/config/plugin-config.js';
import { YamlSource, yaml } from '../../shared/config/yaml-source.js';
import { PosternError } from '../../shared/errors.js';
import { type ListName, parseRule } from '../../shared/policy/parse-rule.js';
import { quote } from '../../shared/policy/quote.js';
import { printable } from '../../shared/printable.js';
import { readTextFile } from '../../shared/read-file.js';
import { parseCommentedJson } from './commented-json.js';
import { NewFile } from './describe-learnt.js';
import { makeCommand } from './program.js';
import type { RunOptions } from './run-options.js';
import { describeError, say, warn } from './say.js';

/** A plugin of the file that is written. Its command is added where it is known. */
export interface ImportedPlugin {
  readonly name: string;
  readonly mode?: 'audit';
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly via?: { readonly proxy: string };
  readonly filesystem: Readonly<Record<'visible' | 'writable' | 'hidden', readonly string[]>>;
}

export interface Imported {
  readonly plugins: readonly ImportedPlugin[];
  /** What has no counterpart, a line each, printable. */
  readonly remarks: readonly string[];
  /** Those of them that say what was denied there and would not be here. */
  readonly undenied: readonly string[];
  /** What is otherwise with every such file. */
  readonly advice: readonly string[];
}

type Keys = Readonly<Record<string, unknown>>;

/** The settings as a map with its keys, each of which is read or becomes a remark. */
class Settings {
  readonly #keys: Keys;
  readonly #place: string;
  readonly #remarks: string[];
  readonly #undenied: string[];
  readonly #read = new Set<string>();

  constructor(value: unknown, place: string, remarks: string[], undenied: string[] = []) {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMap && value !== undefined)
      throw new PosternError(
        'usage',
        `${place === '' ? 'The file' : quote(place)} is not a map of settings`,
        {
          fix: 'name a file of the kind that the command says',
        },
      );
    this.#keys = isMap ? (value as Keys) : {};
    this.#place = place;
    this.#remarks = remarks;
    this.#undenied = undenied;
  }

  get(key: string): unknown {
    this.#read.add(key);
    return this.#keys[key];
  }

  part(key: string): Settings {
    return new Settings(this.get(key), this.placeOf(key), this.#remarks, this.#undenied);
  }

  /** The strings of a list. What else is in it becomes a remark. */
  strings(key: string): readonly string[] {
    const value = this.get(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#remarkUnread(key, 'is no list');
      return [];
    }
    return value.flatMap((one: unknown) => {
      if (typeof one === 'string' && one !== '') return [one];
      this.#remarkUnread(key, `has an entry that is no text: ${JSON.stringify(one)}`);
      return [];
    });
  }

  /** Says what postern does instead of a setting, if the setting is there and is not empty. */
  without(key: string, why: string): void {
    const value = this.get(key);
    const isEmpty = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) this.remark(key, why);
  }

  /** Settings that mean nothing to postern, and whose absence changes nothing. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  remark(key: string, text: string): void {
    this.#remarks.push(printable(`${this.placeOf(key)}: ${text}`));
  }

  /** A remark on what is denied by this key, and cannot be here. */
  remarkUndenied(key: string, text: string): void {
    this.remark(key, text);
    this.#undenied.push(printable(`${this.placeOf(key)}: ${text}`));
  }

  /** A remark on each key that nobody has read. */
  end(): void {
    for (const key of Object.keys(this.#keys))
      if (!this.#read.has(key)) this.#remarkUnread(key, 'is not known to this importer, and left out');
  }

  /** By its name, it may deny something. */
  #remarkUnread(key: string, text: string): void {
    // protects: G14 import: what an unknown setting denies keeps a run from starting => this.remark(key, text);
    if (/den(y|ied)/i.test(key)) this.remarkUndenied(key, text);
    else this.remark(key, text);
  }

  /** As it stands in a remark, not printable. */
  placeOf(key: string): string {
    return this.#place === '' ? key : `${this.#place}.${key}`;
  }
}

/** The rules of domain patterns. Those that postern refuses become remarks. */
function rulesOf(settings: Settings, key: string, list: ListName): readonly string[] {
  return settings.strings(key).flatMap((pattern) => {
    const rule = ruleOf(pattern, list);
    if (rule !== undefined && parseRule(rule, list) !== undefined) return [rule];
    const text = `${quote(pattern)} has no counterpart; ${REFUSED[pattern] ?? 'see docs/rules.md'}`;
    // Inside, localhost is the sandbox.
    if (list === 'deny' && pattern !== 'localhost') settings.remarkUndenied(key, text);
    else settings.remark(key, text);
    return [];
  });
}

const REFUSED: Readonly<Record<string, string>> = {
  localhost:
    'inside, localhost is the sandbox. Write the address and port of the host that is meant, as 127.0.0.1:5432',
};

/** @returns the rule for a domain pattern of any port; undefined: there is none */
function ruleOf(pattern: string, list: ListName): string | undefined {
  if (pattern === 'localhost') return undefined;
  if (/:\d+$/.test(pattern) && !isIPv6(pattern)) return pattern;
  const host = isIPv6(pattern.replace(/\/\d+$/, '')) ? `[${pattern}]` : pattern;
  // A deny rule without ports covers every port.
  return list === 'allow' ? `${host}:*` : host;
}

const ANY_PORT =
  'a rule of these settings means any port, which "postern check" shows as HOST:*. Write the ports that the program needs; without them, a rule means 443';
const BELOW = 'a rule *.x means names below x; write **.x where x itself is meant as well';
const FILES =
  'these settings show all files that they do not hide. postern shows the system, the folder of the program, and what "visible" and "writable" name';

function imported(
  plugins: readonly ImportedPlugin[],
  remarks: readonly string[],
  advice: readonly string[],
  undenied: readonly string[] = [],
): Imported {
  const isAnyPort = plugins.some(({ allow }) => allow.some((rule) => rule.endsWith(':*')));
  return { plugins, remarks, undenied, advice: [...(isAnyPort ? [ANY_PORT] : []), ...advice] };
}

/**
 * The lists of files that sandbox-runtime and Visual Studio Code have in common. There, what is denied wins over what is allowed.
 *
 * @param neverWritten names that the tool itself keeps from being written, below each writable folder
 */
function filesOf(settings: Settings, neverWritten: readonly string[] = []): ImportedPlugin['filesystem'] {
  const paths = (key: string): readonly string[] =>
    settings
      .strings(key)
      .filter((path) => {
        if (!/[*?[\]]/.test(path)) return true;
        const text = `${quote(path)} is a pattern; name the paths that are meant`;
        if (key.startsWith('deny')) settings.remarkUndenied(key, text);
        else settings.remark(key, text);
        return false;
      })
      .map((path) => path.replace(/^~(?=\/|$)/, homedir()));
  const [allowWrite, allowRead, denyRead] = [paths('allowWrite'), paths('allowRead'), paths('denyRead')];
  const never = allowWrite.flatMap((folder) =>
    neverWritten.map((name) => `${folder.replace(/\/$/, '')}/${name}`).filter((path) => existsSync(path)),
  );
  const denyWrite = [
    ...paths('denyWrite'),
    /* protects: G14 import: what srt never lets be written is read-only => ...[] */ ...never,
  ];
  const isKept = (path: string): boolean => denyWrite.some((outer) => isWithin(path, outer));
  // protects: G14 import: what may not be written there is not writable here => const writable = allowWrite;
  const writable = allowWrite.filter((path) => !isKept(path));
  const kept = denyWrite.filter((path) => writable.some((outer) => isWithin(path, outer)));
  for (const path of kept.filter((one) => !existsSync(one)))
    settings.remark(
      'denyWrite',
      `${quote(path)} stays writable inside a writable folder: it is not there; make it first, or name narrower folders in writable`,
    );
  const shown = [...allowWrite, ...allowRead];
  const isShown = (path: string): boolean => shown.some((outer) => isWithin(path, outer));
  for (const path of denyRead.filter((one) => !existsSync(one) && isWithin(one, '.') && !isShown(one)))
    settings.remark(
      'denyRead',
      `${quote(path)} will show once it is there: it is in the working directory, and only what exists is hidden; make it first, or hide its folder`,
    );
  return {
    visible: [
      ...allowRead,
      ...allowWrite.filter(isKept),
      ...kept.filter((one) =>
        /* protects: G14 import: what may not be written in a writable folder is read-only => false */ existsSync(
          one,
        ),
      ),
    ],
    writable,
    // What is named by no list shows too: the working directory, and the folders of the system and of the program.
    hidden: denyRead.filter(
      (path) =>
        resolve(path) !== '/' &&
        !shown.some((one) => resolve(one) === resolve(path)) &&
        /* protects: G14 import: what may not be read is hidden wherever it lies => false */ (existsSync(
          path,
        ) ||
          isShown(path)),
    ),
  };
}

/** Relative paths are those of the working directory. */
function isWithin(path: string, outer: string): boolean {
  return `${resolve(path)}/`.startsWith(`${resolve(outer).replace(/\/$/, '')}/`);
}

const PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * The proxy of a setting, with its port, and without a user and a password: a configuration is a file that others may read.
 *
 * @throws PosternError usage if it cannot be read: without it, connections would go around the proxy
 */
function proxyOf(settings: Settings, key: string): string | undefined {
  const written = settings.get(key);
  if (written === undefined || written === null || written === '') return undefined;
  const text = String(written);
  const withScheme = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (typeof written !== 'string' || url === undefined || url.hostname === '')
    throw new PosternError('usage', `${settings.placeOf(key)} is not the URL of a proxy`, {
      fix: 'write http://HOST:PORT',
    });
  const { protocol, hostname, port, username, password } = url;
  // protects: G6 import: credentials of a proxy are not written into a configuration => return text;
  if (`${username}${password}` !== '')
    settings.remark(
      key,
      'has a user and a password: put USER:PASSWORD into a file, and name it by via.credentials_file',
    );
  return `${protocol}//${hostname}:${port === '' ? (PORTS[protocol] ?? '1080') : port}`;
}

/** Below a writable folder, srt lets no program write what a shell, git, an editor or an agent would run later. */
const NEVER_WRITTEN = [
  ...['.bashrc', '.bash_profile', '.profile', '.zshrc', '.zprofile', '.ripgreprc', '.mcp.json'],
  ...['.gitconfig', '.gitmodules', '.git/hooks', '.vscode', '.idea', '.claude/commands', '.claude/agents'],
];
const NOT_DEEPER =
  'srt also looks for files that a shell, git or an editor runs in folders deeper down; here those of each writable folder itself stay read-only, if they are there';

/** Settings of sandbox-runtime (srt), as ~/.srt-settings.json. */
export function importSrt(value: unknown, name: string): Imported {
  const remarks: string[] = [];
  const undenied: string[] = [];
  const settings = new Settings(value, '', remarks, undenied);
  const network = settings.part('network');
  const allow = rulesOf(network, 'allowedDomains', 'allow');
  const deny = [
    ...rulesOf(network, 'deniedDomains', 'deny'),
    ...rulesOf(network, 'deniedResolvedAddresses', 'deny'),
  ];
  const sockets = network.strings('allowUnixSockets').flatMap((path) => {
    const rule = `unix:${path}`;
    if (parseRule(rule, 'allow') !== undefined) return [rule];
    network.remark('allowUnixSockets', `${quote(path)} has no counterpart; write an absolute path`);
    return [];
  });
  network.without('allowAllUnixSockets', 'has no counterpart; name each socket, as unix:/run/x.sock');
  network.without('mitmProxy', 'has no counterpart; a gateway sees requests (docs/how-to/gateway.md)');
  network.without('tlsTerminate', 'has no counterpart; a gateway sees requests (docs/how-to/gateway.md)');
  const parent = network.part('parentProxy');
  const [ofHttps, ofHttp] = [proxyOf(parent, 'https'), proxyOf(parent, 'http')];
  const proxy = ofHttps ?? ofHttp;
  if (ofHttp !== undefined && ofHttp !== proxy)
    parent.remark('http', 'is not the proxy of https, which all connections take here');
  parent.without('noProxy', 'has no counterpart; write via.direct for destinations without the proxy');
  parent.end();
  // A program has the loopback of its own network, and postern runs no proxy.
  network.ignore(
    'allowLocalBinding',
    'httpProxyPort',
    'socksProxyPort',
    'allowMachLookup',
    'strictAllowlist',
  );
  network.end();
  const files = settings.part('filesystem');
  const keepsGitConfig = files.get('allowGitConfig') !== true;
  const filesystem = filesOf(files, [...NEVER_WRITTEN, ...(keepsGitConfig ? ['.git/config'] : [])]);
  files.without('disabled', 'has no counterpart; name in "visible" what the program needs');
  files.end();
  const credentials = settings.get('credentials') as { readonly files?: unknown } | null | undefined;
  // protects: G14 import: a file with a credential that is denied there is not shown here
  if (Array.isArray(credentials?.files) && credentials.files.length > 0)
    settings.remarkUndenied('credentials.files', 'files are not masked; name them in filesystem.denyRead');
  settings.without(
    'credentials',
    'has no counterpart; a gateway keeps secrets outside (docs/how-to/gateway.md)',
  );
  settings.without('env', 'is not imported; name the variables in env');
  // They change how that tool works, and not what a program may do.
  settings.ignore(
    'ignoreViolations',
    'enableWeakerNestedSandbox',
    'enableWeakerNetworkIsolation',
    'allowPty',
  );
  settings.ignore(
    'mandatoryDenySearchDepth',
    'ripgrep',
    'seccomp',
    'bwrapPath',
    'socatPath',
    'allowAppleEvents',
  );
  settings.end();
  const via = proxy !== undefined ? { via: { proxy } } : {};
  return imported(
    [{ name, allow: [...allow, ...sockets], deny, ...via, filesystem }],
    remarks,
    [FILES, ...(filesystem.writable.length > 0 ? [NOT_DEEPER] : [])],
    undenied,
  );
}

const NO_FILES = { visible: [], writable: [], hidden: [] };

/** An access list of Smokescreen: a plugin for each service. */
export function importSmokescreen(value: unknown): Imported {
  const remarks: string[] = [];
  const settings = new Settings(value, '', remarks);
  settings.ignore('version');
  const globalAllow = rulesOf(settings, 'global_allow_list', 'allow');
  const globalDeny = rulesOf(settings, 'global_deny_list', 'deny');
  const services = settings.get('services');
  const list: readonly unknown[] = Array.isArray(services) ? services : [];
  if (list.length === 0) settings.remark('services', 'is empty');
  const plugins = [
    ...list.map((service, index) => new Settings(service, `services[${index}]`, remarks)),
    ...(settings.get('default') === undefined ? [] : [settings.part('default')]),
  ].map((service): ImportedPlugin => {
    const written = service.get('name');
    const action = service.get('action');
    const own = rulesOf(service, 'allowed_domains', 'allow');
    service.ignore('project');
    service.without('mitm_domains', 'has no counterpart; a gateway sees requests (docs/how-to/gateway.md)');
    service.without('allowed_external_proxies', 'has no counterpart; via names one proxy');
    if (!['open', 'report', 'enforce'].includes(String(action)))
      service.remark('action', `${JSON.stringify(action)} is not known; the plugin enforces its rules`);
    if (own.length > 0 && globalDeny.length > 0)
      service.remark(
        'allowed_domains',
        'won over global_deny_list there; in postern a deny rule always wins',
      );
    service.end();
    return {
      name: pluginNameOf(typeof written === 'string' ? written : 'default'),
      ...(action === 'report' ? { mode: 'audit' as const } : {}),
      allow: action === 'open' ? ['*:*'] : [...new Set([...own, ...globalAllow])],
      deny: globalDeny,
      filesystem: NO_FILES,
    };
  });
  settings.end();
  const names = new Set(plugins.map(({ name }) => name));
  if (names.size < plugins.length)
    throw new PosternError('usage', 'Two services have one name in postern', {
      fix: 'rename one: a name has a-z, 0-9, _ and -',
    });
  return imported(plugins, remarks, []);
}

/** The keys of Visual Studio Code, the newest first. */
const VSCODE = {
  allow: ['chat.agent.allowedNetworkDomains', 'chat.agent.sandbox.allowedNetworkDomains'],
  deny: ['chat.agent.deniedNetworkDomains', 'chat.agent.sandbox.deniedNetworkDomains'],
  files: 'chat.agent.sandbox.fileSystem.linux',
  open: ['chat.agent.sandbox.allowNetwork', 'chat.agent.sandbox.network.allowNetwork'],
} as const;

/** The settings.json of Visual Studio Code: what its agents' commands may do. All other settings are none of ours. */
export function importVscode(value: unknown, name: string): Imported {
  const remarks: string[] = [];
  const settings = new Settings(value, '', remarks);
  const rules = (keys: readonly string[], list: ListName): readonly string[] => [
    ...new Set(keys.flatMap((key) => rulesOf(settings, key, list))),
  ];
  const isOpen =
    VSCODE.open.some((key) => settings.get(key) === true) ||
    settings.get('chat.agent.sandbox.enabled') === 'allowNetwork';
  const allow = isOpen ? ['*:*'] : rules(VSCODE.allow, 'allow');
  const deny = rules(VSCODE.deny, 'deny');
  const isWild = [...allow, ...deny].some((rule) => rule.startsWith('*.'));
  const filesystem = filesOf(settings.part(VSCODE.files));
  return imported([{ name, allow, deny, filesystem }], remarks, [...(isWild ? [BELOW] : []), FILES]);
}

interface Kind {
  readonly what: string;
  readonly read: (text: string, path: string) => unknown;
  readonly import: (value: unknown, name: string) => Imported;
}

const readJson = (text: string, path: string): unknown => parseCommentedJson(text, quote(path));

type KindName = 'srt' | 'smokescreen' | 'vscode';

const IMPORTERS: Readonly<Record<KindName, Kind>> = {
  srt: { what: 'sandbox-runtime, ~/.srt-settings.json', read: readJson, import: importSrt },
  smokescreen: {
    what: "Smokescreen's access list, a plugin for each service",
    read: (text: string, path: string): unknown => new YamlSource(path, text).value,
    import: importSmokescreen,
  },
  vscode: { what: "Visual Studio Code's settings.json", read: readJson, import: importVscode },
};

const MOST_MIB = 4;

/** @throws PosternError `usage` where the file cannot be read or is none of that kind @throws ConfigError for broken YAML */
function importFile(kind: KindName, path: string, name: string): Imported {
  const text = readTextFile(path, MOST_MIB);
  if (!('text' in text))
    throw new PosternError('usage', `${quote(path)} ${text.problem}`, { fix: 'name another file' });
  const importer = IMPORTERS[kind];
  return importer.import(importer.read(text.text, path), name);
}

export type WithSrtSettings = typeof withSrtSettings;

/**
 * The options of `run` with what settings of sandbox-runtime allow. What has no counterpart is printed.
 *
 * @throws PosternError `usage` where the file cannot be read, or denies what cannot be denied here
 */
export function withSrtSettings<Options extends RunOptions>(options: Options, path: string): Options {
  const { plugins, remarks, undenied } = importFile('srt', path, 'srt');
  const [plugin] = plugins;
  // protects: G7 import: what cannot be denied here is not run
  if (undenied.length > 0)
    throw new PosternError('usage', `Cannot deny what ${quote(path)} denies: ${undenied.join('; ')}`, {
      fix: 'write it in another way, or as options of run, without --srt-settings',
    });
  if (plugin === undefined) return options;
  for (const remark of remarks) warn(remark);
  const { allow, deny, filesystem, via } = plugin;
  return {
    ...options,
    allow: [...options.allow, ...allow],
    deny: [...options.deny, ...deny],
    visible: [...options.visible, ...filesystem.visible],
    writable: [...options.writable, ...filesystem.writable],
    hidden: [...options.hidden, ...filesystem.hidden],
    via: options.via ?? via?.proxy,
  };
}

export function importCommand(): Command {
  return makeCommand('import')
    .addArgument(new Argument('<kind>', 'whose settings').choices(Object.keys(IMPORTERS)))
    .argument('<file>', 'its settings')
    .argument('[command...]', 'the program, with its arguments')
    .option('-o, --output <file>', 'write a new file, instead of printing')
    .addHelpText(
      'after',
      `
${Object.entries(IMPORTERS)
  .map(([kind, { what }]) => `  ${kind.padEnd(12)} ${what}`)
  .join('\n')}

Examples:
  postern import srt ~/.srt-settings.json -- npm test
  postern import smokescreen acl.yaml --output postern.yaml

What has no counterpart stands in the file as comments: read those about what the settings deny.
Exit status: 0, 1 where the file exists already or cannot be written, 2 for wrong usage or settings that cannot be read.`,
    )
    .action((kind: KindName, path: string, command: readonly string[], options: { output?: string }) => {
      process.exitCode = importTo(kind, path, command, options.output);
    });
}

function importTo(
  kind: KindName,
  path: string,
  command: readonly string[],
  output: string | undefined,
): number {
  let text: string;
  try {
    const name = command[0] === undefined ? 'program' : pluginNameOf(command[0]);
    text = written(importFile(kind, path, name), kind, path, command);
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof PosternError)) throw error;
    say(describeError(error), 'error');
    return 2;
  }
  if (output === undefined) {
    process.stdout.write(text);
    return 0;
  }
  try {
    new NewFile(output).write(text);
  } catch (error) {
    say(describeError(error), 'error');
    return 1;
  }
  process.stdout.write(`Wrote ${printable(output)}. Next: postern check ${printable(output)}\n`);
  return 0;
}

/** The text of postern.yaml. */
function written(
  { plugins, remarks, advice }: Imported,
  kind: string,
  path: string,
  command: readonly string[],
): string {
  const { stringify } = yaml();
  const comment = (line: string): string => `# ${line}\n`;
  const head = [
    `Imported from ${printable(path)} (${kind}). "postern check" checks it, "postern up" runs it.`,
    ...(command.length > 0 ? [] : ['The commands are stand-ins: write the program and its arguments.']),
    ...advice,
    ...(remarks.length > 0 ? ['What has no counterpart:', ...remarks.map((remark) => `- ${remark}`)] : []),
  ];
  const entries = plugins.map(({ name, filesystem, allow, deny, ...rest }) => {
    const shown = Object.fromEntries(Object.entries(filesystem).filter(([, paths]) => paths.length > 0));
    return [
      name,
      {
        command: command.length > 0 ? [...command] : ['sh', '-c', 'echo write my command here'],
        ...rest,
        ...(allow.length > 0 ? { allow } : {}),
        ...(deny.length > 0 ? { deny } : {}),
        ...(Object.keys(shown).length > 0 ? { filesystem: shown } : {}),
      },
    ];
  });
  return `${head.map(comment).join('')}${stringify({ plugins: Object.fromEntries(entries) })}`;
}
