// postern mcp: puts `postern run` before the servers in the file of an MCP client, and takes it away again.
//
// Clients keep these files by hand, with comments and keys of their own. So a change is an edit of the text at the place of one server, and all else stays
// as it was, byte for byte. The former file is kept beside it.
//
// A server's entry is trusted no more than the server: many people paste one from a page, or get it with a project. So no part of an entry may
// keep the server out of the sandbox, or act on postern.

import { accessSync, constants, existsSync, realpathSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { applyEdits, findNodeAtLocation, modify, type Node, parse, parseTree } from 'jsonc-parser';
import { bundlePath } from '../../shared/bundles.js';
import { type FileGateway, loadGatewayFile } from '../../shared/config/gateway-file.js';
import { variablesOfGateway } from '../../shared/config/gateway-keys.js';
import { PLUGIN_NAME, pluginNameOf, VARIABLE_NAME } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { quote } from '../../shared/policy/quote.js';
import { printable } from '../../shared/printable.js';
import { readTextFile } from '../../shared/read-file.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { shellWord } from '../host/shell-word.js';
import { replaceFile } from '../supervisor/approval/write-rule.js';
import { hostFiles, isWithin } from '../supervisor/files/host-files.js';
import { allHomes } from '../supervisor/home/home-problems.js';
import { mayShow } from '../supervisor/root/command-paths.js';
import { KEPT as OUTSIDE } from '../supervisor/start/plugin-environment.js';
import { parseCommentedJson } from './commented-json.js';
import { NewFile } from './describe-learnt.js';
import { makeCommand } from './program.js';
import { addMcpOptions, type McpRuleOptions, rulesOf } from './run-options.js';
import { describeError, say } from './say.js';

const MOST_MIB = 4;
const KEPT = '.before-postern';
/** Where clients keep their servers: Claude's and Cursor's files, those of Visual Studio Code, and its settings.json. */
const PLACES = [['mcpServers'], ['servers'], ['mcp', 'servers']] as const;

interface Started {
  readonly command: string;
  readonly args: readonly string[];
}

interface Server extends Started {
  readonly name: string;
  readonly path: readonly string[];
  /** The names of the variables that the client gives it, as the server has them. */
  readonly variables: readonly string[];
  /** Whether the client reads more variables from a file. */
  readonly hasVariablesFile: boolean;
}

/** What becomes of one server. */
export interface McpChange {
  readonly name: string;
  readonly before: Started;
  readonly after: Started;
}

export interface McpEdit {
  readonly text: string;
  readonly changes: readonly McpChange[];
  /** Servers that stay as they are, and why. Printable. */
  readonly remarks: readonly string[];
}

/** @throws PosternError `usage` where the text is no JSON, or holds no servers */
function serversIn(text: string): {
  readonly servers: readonly Server[];
  readonly remarks: readonly string[];
} {
  const value = parseCommentedJson(text, 'The file');
  refuseAmbiguous(text);
  const read = placesOf(value).map(({ map, path }) => readServers(map, path));
  if (read.length > 0)
    return {
      servers: read.flatMap(({ servers }) => servers),
      remarks: read.flatMap(({ remarks }) => remarks),
    };
  throw new PosternError('usage', 'The file has no servers: neither mcpServers nor servers', {
    fix: 'name the file of an MCP client, as .mcp.json, .cursor/mcp.json or .vscode/mcp.json',
  });
}

/**
 * @throws PosternError `usage` for a key that a map has twice: a client may read the other one than the one that is edited. And for one that an object of
 *   JavaScript hides
 */
function refuseAmbiguous(text: string): void {
  const waiting = [parseTree(text, [], { allowTrailingComma: true })];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    const keys = node.type === 'object' ? keysOf(node) : [];
    const found = keys.find(
      ({ value }, at) =>
        value === '__proto__' ||
        /* protects: G14 mcp: a key that stands twice is refused => false */ keys.findIndex(
          (one) => one.value === value,
        ) < at,
    );
    if (found !== undefined)
      throw new PosternError(
        'usage',
        `Clients may differ about the key ${quote(String(found.value))} in line ${text.slice(0, found.offset).split('\n').length}: it stands twice in its map, or is __proto__`,
        { fix: 'remove it' },
      );
    waiting.push(...(node.children ?? []));
  }
}

/** The keys of an object. */
function keysOf({ children = [] }: Node): readonly Node[] {
  return children.flatMap((property) => property.children?.[0] ?? []);
}

/** Where a file keeps its servers, and the maps of them: clients differ in where they look. */
function placesOf(value: unknown): readonly {
  readonly path: readonly string[];
  readonly map: Readonly<Record<string, unknown>>;
}[] {
  const found = PLACES.flatMap((path) => {
    let at: unknown = value;
    for (const key of path) at = isMap(at) ? at[key] : undefined;
    return isMap(at) ? [{ path, map: at }] : [];
  });
  // protects: G14 mcp: the servers of each place count => return found.slice(0, 1);
  return found;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readServers(
  map: Readonly<Record<string, unknown>>,
  path: readonly string[],
): ReturnType<typeof serversIn> {
  const servers: Server[] = [];
  const remarks: string[] = [];
  for (const [name, entry] of Object.entries(map)) {
    const { command, args = [], env = {}, envFile } = isMap(entry) ? entry : {};
    const words: readonly unknown[] = Array.isArray(args) ? args : [undefined];
    // One with a url too may be started all the same.
    if (typeof command !== 'string') remarks.push(printable(`${name}: no program is started for it`));
    else if (!words.every((word) => typeof word === 'string'))
      remarks.push(printable(`${name}: its args are no list of strings`));
    else
      servers.push({
        name,
        path: [...path, name],
        command,
        args: words,
        variables: Object.keys(isMap(env) ? env : {}).map(insideName),
        hasVariablesFile: envFile !== undefined,
      });
  }
  return { servers, remarks };
}

/** The program behind `postern run`; undefined: it runs without postern. */
function wrapped({ command, args }: Started): Started | undefined {
  const [first, ...rest] = args;
  const end = rest.indexOf('--');
  if (!/^postern(\.js)?$/.test(basename(command)) || first !== 'run' || end === -1) return undefined;
  const [program, ...words] = rest.slice(end + 1);
  return program === undefined ? undefined : { command: program, args: words };
}

/** Whether the program of a server that seems to run under postern is this postern, and not a file of that name. */
function isThis(command: string, postern: string): boolean {
  return command === 'postern' || (command.startsWith('/') && realOf(command) === realOf(postern));
}

/** Of a file that may be made later. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const whole = resolve(path);
    return whole === '/' ? whole : join(realOf(dirname(whole)), basename(whole));
  }
}

// The client gives a server's variables to postern. Under their own names, PATH and LD_PRELOAD would choose what postern itself runs, outside of the sandbox.

const outsideName = (key: string): string =>
  /* protects: G14 mcp: variables of the server are none of postern's => key */ `${OUTSIDE}${insideName(key)}`;

function insideName(key: string): string {
  return key.startsWith(OUTSIDE) ? key.slice(OUTSIDE.length) : key;
}

/** Names the variables of a server anew. */
function renameVariables(text: string, path: readonly string[], name: (key: string) => string): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const env = tree && findNodeAtLocation(tree, [...path, 'env']);
  return applyEdits(
    text,
    (env?.type === 'object' ? keysOf(env) : []).map(({ offset, length, value }) => ({
      ...{ offset, length },
      content: JSON.stringify(name(String(value))),
    })),
  );
}

/** How a client finds postern, whose PATH may be another one. */
function ownPath(): string {
  const program = bundlePath('postern');
  const found = (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => {
    const path = join(folder, 'postern');
    try {
      accessSync(path, constants.X_OK);
      return folder.startsWith('/') && realpathSync(path) === realpathSync(program) ? [path] : [];
    } catch {
      return [];
    }
  });
  return found[0] ?? program;
}

/** The registry that a launcher downloads its server from. */
const LAUNCHERS: Readonly<Record<string, string>> = {
  npx: 'npm',
  npm: 'npm',
  bunx: 'npm',
  uvx: 'pypi',
  uv: 'pypi',
  pipx: 'pypi',
};

/** Files and folders that the command names: the server is meant to read them. The home directory and what holds it are never shown as a whole. */
function namedPaths({ args }: Started): readonly string[] {
  const holders = ['/', homedir()];
  return args.filter((word) => {
    const path = resolve(word);
    return (
      word.startsWith('/') &&
      existsSync(path) &&
      !holders.some((holder) => holder === path || holder.startsWith(`${path}/`)) &&
      !/^\/(usr|etc|proc|sys|dev|run|boot)(\/|$)/.test(path)
    );
  });
}

/** The folder of a file, for what it loads; the file alone where that is a home directory, above one, or a folder that the sandbox fills itself. */
function folderOf(path: string): string {
  if (statSync(path).isDirectory()) return path;
  const folder = dirname(path);
  // protects: G14 mcp: a file in a home directory does not show it => return folder;
  return mayShow(folder, allHomes(), hostFiles) ? folder : path;
}

/**
 * Who writes the client's file chooses what the client starts outside of every sandbox. It is hidden then, which pins it too.
 *
 * @throws PosternError `usage` for a kept home with the file
 */
function hiddenFile(file: string, { writable, home }: McpRuleOptions): readonly string[] {
  const place = realOf(file);
  if (home !== undefined && isWithin(place, realOf(home)))
    throw new PosternError(
      'usage',
      `The home ${quote(home)} holds ${quote(file)}: the server could change what its client starts`,
      {
        fix: 'name another home',
      },
    );
  // protects: G14 mcp: no server writes the file of its client => return [];
  return writable.some((path) => isWithin(place, realOf(path))) ? [resolve(file)] : [];
}

/** The command of `postern run` for a server. */
function underPostern(server: Server, options: McpRuleOptions, postern: string, file: string): Started {
  const repeated = (option: string, values: readonly string[]): readonly string[] =>
    values.flatMap((value) => [option, value]);
  const launcher = LAUNCHERS[basename(server.command)];
  if (options.gateway !== undefined) requireKeyElsewhere(server, gatewayIn(options, options.gateway));
  const presets = launcher === undefined || options.preset.includes(launcher) ? [] : [launcher];
  const shown = [...options.visible, ...options.writable].map((path) => resolve(path));
  const visible = [...new Set(namedPaths(server).map(folderOf))].filter(
    (path) => !shown.includes(resolve(path)),
  );
  return {
    command: postern,
    args: [
      'run',
      ...['--name', PLUGIN_NAME.test(server.name) ? server.name : pluginNameOf(server.name)],
      ...repeated('--preset', [...presets, ...options.preset]),
      ...repeated('--allow', options.allow),
      ...repeated('--deny', options.deny),
      ...repeated('--visible', [...visible, ...options.visible.map((path) => resolve(path))]),
      ...repeated(
        '--writable',
        options.writable.map((path) => resolve(path)),
      ),
      ...repeated('--hidden', hiddenFile(file, options)),
      ...(options.home === undefined ? [] : ['--home', resolve(options.home)]),
      ...(options.gateway === undefined ? [] : ['--gateway', resolve(options.gateway)]),
      ...repeated(
        '--env',
        server.variables.filter((name) => VARIABLE_NAME.test(name)),
      ),
      '--',
      server.command,
      ...server.args,
    ],
  };
}

/** A server may be able to read the file of its client, and copies of it. @throws PosternError `usage` */
function requireKeyElsewhere({ name, variables }: Server, gateway: FileGateway): void {
  const { secrets, placeholders } = variablesOfGateway(gateway);
  // protects: G23 gateway: no key stays in the file of a client, which its server may read => const kept = undefined;
  const kept = variables.find((one) => secrets.includes(one) || placeholders.includes(one));
  if (kept === undefined) return;
  throw new PosternError(
    'usage',
    `The server ${quote(name)} has ${kept} in its env, where it could read the key in the file of its client`,
    { fix: 'take it out of env, and name a file in secrets that only you can read: {file: PATH}' },
  );
}

/** Other options take the place of those of an entry. Without its gateway a server would reach the host directly. @throws PosternError `usage` */
function requireNoGateway({ name, args }: Server, within: Started | undefined): void {
  const own = within === undefined ? [] : args.slice(0, args.length - within.args.length - 1);
  const at = own.lastIndexOf('--gateway');
  if (at < 0) return;
  throw new PosternError('usage', `The server ${quote(name)} has a gateway, which these options leave out`, {
    fix: `add --gateway ${shellWord(own[at + 1] ?? '')}, or undo first`,
  });
}

/** Edits the text at one key, in the manner of the text. */
function put(text: string, path: readonly string[], value: unknown): string {
  const [, indent = '  '] = /\n([ \t]+)\S/.exec(text) ?? [];
  const formattingOptions = {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 1 : indent.length,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
  return applyEdits(text, modify(text, [...path], value, { formattingOptions }));
}

function putStarted(text: string, path: readonly string[], { command, args }: Started): string {
  return put(put(text, [...path, 'command'], command), [...path, 'args'], args);
}

/**
 * Puts `postern run` before servers.
 *
 * @param names which ones; undefined: all
 * @param options rules and files of each. A server that runs under postern already gets these instead of its own, if there are any
 * @param file the path of the client's file
 * @throws PosternError `usage`
 */
export function wrapServers(
  text: string,
  names: readonly string[] | undefined,
  options: McpRuleOptions,
  postern: string,
  file: string,
): McpEdit {
  const { servers, remarks } = serversIn(text);
  requireNames(names, servers);
  const isMeant = ({ name }: Server): boolean => names === undefined || names.includes(name);
  const hasOptions = Object.values(options).some((value) => (Array.isArray(value) ? value.length > 0 : true));
  const meant = servers.filter(isMeant);
  if (options.gateway !== undefined && names === undefined && meant.length > 1)
    throw new PosternError('usage', 'Several servers would get this gateway, with its keys', {
      fix: 'name the one that needs it: --server NAME',
    });
  const changes: McpChange[] = [];
  const left = names === undefined ? [...remarks] : [];
  let changed = text;
  for (const server of meant) {
    // protects: G14 mcp: no file of variables acts on postern
    if (server.hasVariablesFile)
      throw new PosternError(
        'usage',
        `The server ${quote(server.name)} has an envFile: its variables would be postern's own`,
        { fix: 'write them into env, and leave envFile out' },
      );
    const within = wrapped(server);
    if (hasOptions && options.gateway === undefined) requireNoGateway(server, within);
    const after =
      within === undefined || hasOptions
        ? underPostern({ ...server, ...within }, options, postern, file)
        : {
            command:
              /* protects: G14 mcp: a program that is called postern is not taken for it => true */ isThis(
                server.command,
                postern,
              )
                ? server.command
                : postern,
            args: server.args,
          };
    const renamed = renameVariables(changed, server.path, outsideName);
    const isKept = within !== undefined && !hasOptions && after.command === server.command;
    if (isKept && renamed === changed) {
      left.push(
        printable(
          `${server.name}: runs under postern already, with the options of its entry: ${commandLine(server)}`,
        ),
      );
      continue;
    }
    if (basename((within ?? server).command) === 'docker')
      left.push(
        printable(
          `${server.name}: docker's daemon runs its server, so the rules bind only the docker command`,
        ),
      );
    changed = isKept ? renamed : putStarted(renamed, server.path, after);
    changes.push({ name: server.name, before: server, after });
  }
  return { text: changed, changes, remarks: left };
}

/** Takes `postern run` away from all servers. @throws PosternError `usage` */
export function unwrapServers(text: string): McpEdit {
  const changes: McpChange[] = [];
  let changed = text;
  for (const server of serversIn(text).servers) {
    const after = wrapped(server);
    if (after === undefined) continue;
    changed = putStarted(renameVariables(changed, server.path, insideName), server.path, after);
    changes.push({ name: server.name, before: server, after });
  }
  return { text: changed, changes, remarks: [] };
}

/** Adds a server that runs under postern. @throws PosternError `usage` */
export function addServer(
  text: string,
  name: string,
  [command = '', ...args]: readonly string[],
  options: McpRuleOptions,
  postern: string,
  file: string,
): McpEdit {
  const value: unknown = parse(text);
  const path = placesOf(value)[0]?.path ?? PLACES[0];
  const { servers, remarks } = serversIn(
    isMap(value) && Object.keys(value).length > 0 ? text : '{"mcpServers": {}}',
  );
  if (
    servers.some((server) => server.name === name) ||
    remarks.some((remark) => remark.startsWith(`${name}: `))
  )
    throw new PosternError('usage', `There is a server ${quote(name)} already`, {
      fix: `choose another name, or write postern mcp wrap --server ${shellWord(name)}`,
    });
  const before: Started = { command, args };
  const server = { name, path: [], variables: [], hasVariablesFile: false, ...before };
  const after = underPostern(server, options, postern, file);
  return { text: put(text, [...path, name], after), changes: [{ name, before, after }], remarks: [] };
}

function requireNames(names: readonly string[] | undefined, servers: readonly Server[]): void {
  const missing = names?.find((name) => !servers.some((server) => server.name === name));
  if (missing === undefined) return;
  throw new PosternError('usage', `There is no server ${quote(missing)} that its client starts`, {
    fix: `name one of ${servers.map(({ name }) => printable(name)).join(', ')}`,
  });
}

interface McpOptions extends McpRuleOptions {
  readonly server: readonly string[];
  readonly dryRun?: boolean;
}

export function mcpCommand(): Command {
  const command = makeCommand('mcp').addHelpText(
    'after',
    `
Examples:
  postern mcp wrap .mcp.json
  postern mcp wrap .mcp.json --server github --allow api.github.com
  postern mcp add files --writable ./notes -- npx --yes @modelcontextprotocol/server-filesystem "$PWD/notes"
  postern mcp undo .mcp.json`,
  );
  const wrap = command
    .command('wrap')
    .description("put postern before a client's servers")
    .argument(
      '<file>',
      'the file of an MCP client: .mcp.json, claude_desktop_config.json, .vscode/mcp.json, .cursor/mcp.json',
    );
  addMcpOptions(wrap, true).action((file: string, options: McpOptions) => {
    const names = options.server.length > 0 ? options.server : undefined;
    process.exitCode = edit(file, options.dryRun === true, (text) =>
      wrapServers(text, names, rulesIn(options), ownPath(), file),
    );
  });
  const add = command
    .command('add')
    .description('add a server that runs under postern')
    .argument('<name>', 'of the server')
    .argument('<command...>', 'its program and arguments; put -- before it')
    .option('--file <file>', 'the file of the client', '.mcp.json');
  addMcpOptions(add, false).action(
    (name: string, words: readonly string[], options: McpOptions & { readonly file: string }) => {
      process.exitCode = edit(
        options.file,
        options.dryRun === true,
        (text) => addServer(text, name, words, rulesIn(options), ownPath(), options.file),
        '{}\n',
      );
    },
  );
  command
    .command('undo')
    .description('take postern away from all servers of a file')
    .argument('<file>', 'the file')
    .action((file: string) => {
      process.exitCode = edit(file, false, unwrapServers);
    });
  return command;
}

/** @throws PosternError `bad_rules`; ConfigError for the file of a gateway */
function rulesIn({ allow, deny, preset, visible, writable, home, gateway }: McpOptions): McpRuleOptions {
  rulesOf({ allow, deny, preset, rules: [] });
  const options = {
    ...{ allow, deny, preset, visible, writable },
    ...(home === undefined ? {} : { home }),
    ...(gateway === undefined ? {} : { gateway }),
  };
  if (gateway !== undefined) gatewayIn(options, gateway);
  return options;
}

function gatewayIn(options: McpRuleOptions, path: string): FileGateway {
  return loadGatewayFile(path, rulesOf({ ...options, rules: [] }));
}

/**
 * Shows a change, and writes it.
 *
 * @param first the text of a file that is not there; undefined: it must be there
 * @returns the exit status
 */
function edit(path: string, isDry: boolean, change: (text: string) => McpEdit, first?: string): number {
  try {
    const isNew = first !== undefined && !existsSync(path);
    const before = isNew ? first : textOf(path);
    const made = change(before);
    const shown = [
      ...made.changes.flatMap(({ name, before: old, after }) => [
        printable(name),
        `  - ${commandLine(old)}`,
        `  + ${commandLine(after)}`,
      ]),
      ...made.remarks,
    ];
    process.stdout.write(shown.map((line) => `${line}\n`).join(''));
    if (made.text === before || isDry) {
      process.stdout.write(isDry ? 'Nothing was written (--dry-run)\n' : 'Nothing is to be changed\n');
      return 0;
    }
    process.stdout.write(`${write(path, before, made.text, isNew)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    say(describeError(error), 'error');
    return error.code === 'usage' || error.code === 'bad_rules' ? 2 : 1;
  }
}

function commandLine({ command, args }: Started): string {
  return printable([command, ...args].map(shellWord).join(' '));
}

/** @throws PosternError `usage` */
function textOf(path: string): string {
  const read = readTextFile(path, MOST_MIB);
  if ('text' in read) return read.text;
  throw new PosternError('usage', `${quote(path)} ${read.problem}`, {
    fix: 'name the file of an MCP client',
  });
}

/** @returns what was done. @throws PosternError `output_file` */
function write(path: string, before: string, after: string, isNew: boolean): string {
  if (isNew) {
    new NewFile(path).write(after);
    return `Wrote ${printable(path)}`;
  }
  const kept = `${path}${KEPT}`;
  const former = existsSync(kept) ? textOf(kept) : undefined;
  // Once all is as it was, comments and spaces are those of the first file too.
  const isBack = former !== undefined && isSame(former, after);
  if (former === undefined) new NewFile(kept).write(before, 0o600);
  try {
    using folder = openFolder(dirname(resolve(path)));
    replaceFile(`/proc/self/fd/${folder.number}`, basename(path), (text) => {
      if (text !== before) throw new Error('it has just changed');
      return isBack ? former : after;
    });
  } catch (cause) {
    if (former === undefined) rmSync(kept);
    throw new PosternError('output_file', `Cannot write ${quote(path)}: ${(cause as Error).message}`, {
      fix: 'name the file itself where a link leads to it, in a folder that you may write',
      cause,
    });
  }
  if (isBack) rmSync(kept);
  return isBack
    ? `Wrote ${printable(path)} as it was before`
    : `Wrote ${printable(path)}; the former file is ${printable(kept)}. Undo: postern mcp undo ${printable(shellWord(path))}`;
}

/** Whether two files start the same servers: an empty list of arguments is none. */
function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) =>
    JSON.stringify(parse(text, [], { allowTrailingComma: true }), (key, value: unknown) =>
      key === 'args' && Array.isArray(value) && value.length === 0 ? undefined : value,
    ),
  );
  return first === second;
}
