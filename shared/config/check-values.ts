// What a configuration's values must keep that the schema does not say: values that depend on one another. Pure.

import { dirname, resolve } from 'node:path';
import { parseAddress } from '../policy/address.js';
import { yamlText } from '../printable.js';
import { statOf } from '../read-file.js';
import { callsBy, checkCall } from './call-forms.js';
import { type ConfigProblem, didYouMean } from './config-problem.js';
import { checkExport } from './export-config.js';
import { checkHook } from './hook-command.js';
import { MAX_SOCKET_PATH_BYTES, readListenAddress } from './listen-address.js';
import { isNameServer, parseHostPort } from './parse-host-port.js';
import { PLUGIN_NAME, VARIABLE_NAME } from './plugin-config.js';
import { checkPolicy } from './policy-config.js';
import { readProxyUrl } from './proxy-url.js';
import { readDirect } from './read-direct.js';
import { resolveListeners } from './resolve-listeners.js';
import { DEFAULT_UI, readUiAddress } from './ui-address.js';
import { NO_PROXY } from './via-config.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

// Checks what the schema of postern.yaml cannot express: addresses, folders that must exist, names that must agree. It reads the text as
// written, not the result of the schema, so that one mistake hides no other.

const NAME_FORM = 'a-z, 0-9, _ and -, at most 63 characters, a letter or digit first';

/** @param absolute makes a path of the file absolute */
export function checkValues(source: YamlSource, absolute: (path: string) => string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const { key, text } of source.textsAt(['metrics'])) {
    if (parseHostPort(text) === undefined)
      problems.push(source.problem(key, `expected HOST:PORT, not "${text}"`, 'write 127.0.0.1:9464'));
  }
  for (const { key, text } of [...source.textsAt(['ui']), ...source.textsAt(['ui', 'address'])]) {
    const read = readUiAddress(text);
    if ('problem' in read) problems.push(source.problem(key, read.problem, `write ${DEFAULT_UI}`));
  }
  for (const { key, text } of source.textsAt(['dns'])) {
    if (!isNameServer(text))
      problems.push(source.problem(key, `expected an address such as 127.0.0.53 or [::1]:53, not "${text}"`));
  }
  const names = source.keysAt(['plugins']);
  if (names?.length === 0) problems.push(source.problem(['plugins'], 'there is no plugin to run'));
  for (const name of names ?? []) {
    if (!PLUGIN_NAME.test(name))
      problems.push(source.keyProblem(['plugins'], name, `not a name of ${NAME_FORM}`, fittingName(name)));
  }
  for (const at of [['defaults'], ...(names ?? []).map((name) => ['plugins', name])]) {
    problems.push(
      ...checkProgram(source, at),
      ...checkVariables(source, at),
      ...checkListeners(source, at, absolute('.')),
      ...checkReady(source, at),
      ...checkCalls(source, at),
      ...checkVia(source, at, absolute),
    );
  }
  return [
    ...problems,
    ...checkAudit(source, absolute),
    ...checkHook(source, ['ask', 'hook'], absolute('.')),
    ...checkControl(source, absolute),
    ...checkListenPlaces(source, names ?? [], absolute('.')),
    ...checkOrder(source, names ?? []),
    ...checkPolicy(source, absolute),
    ...checkExport(source, absolute),
  ];
}

function checkAudit(source: YamlSource, absolute: (path: string) => string): ConfigProblem[] {
  return [...source.textsAt(['audit']), ...source.textsAt(['audit', 'to'])].flatMap(({ key, text }) => {
    if (text === 'stderr' || text === 'stdout') return [];
    const folder = dirname(absolute(text));
    if (statOf(folder)?.isDirectory() !== true)
      return [source.problem(key, `the folder "${folder}" does not exist`, 'make it, or name another')];
    return statOf(absolute(text))?.isDirectory() === true
      ? [source.problem(key, `"${absolute(text)}" is a folder`, 'name a file in it')]
      : [];
  });
}

function checkControl(source: YamlSource, absolute: (path: string) => string): ConfigProblem[] {
  return source.textsAt(['control']).flatMap(({ key, text }) => {
    if (text === 'off' || text === '') return [];
    const path = absolute(text);
    const folder = dirname(path);
    if (statOf(folder)?.isDirectory() !== true)
      return [source.problem(key, `the folder "${folder}" does not exist`, 'make it, or name another')];
    if (statOf(path)?.isDirectory() === true)
      return [source.problem(key, `"${path}" is a folder`, 'name a file in it')];
    return Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES
      ? [source.problem(key, `"${path}" has more than ${MAX_SOCKET_PATH_BYTES} bytes`, 'name a shorter path')]
      : [];
  });
}

function fittingName(name: string): string | undefined {
  const fitting = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return fitting === '' ? undefined : `write ${fitting}`;
}

function checkVariables(source: YamlSource, at: KeyPath): ConfigProblem[] {
  const key = [...at, 'env'];
  return (source.keysAt(key) ?? [])
    .filter((variable) => !VARIABLE_NAME.test(variable))
    .map((variable) =>
      /^(?:POSTERN_|LISTEN_(?:FDS|PID|FDNAMES)$)/.test(variable)
        ? source.keyProblem(key, variable, 'postern sets this variable itself', 'leave it out')
        : source.keyProblem(key, variable, 'not a name of letters, digits and _, a letter or _ first'),
    );
}

function checkListeners(source: YamlSource, at: KeyPath, folder: string): ConfigProblem[] {
  const key = [...at, 'listen'];
  const written = source.valueAt(key);
  const entries = (Array.isArray(written) ? written : []).map((_, index) => ({
    name: textAt(source, [...key, index, 'name']),
    address: textAt(source, [...key, index, 'address']),
  }));
  const resolved = resolveListeners(entries, folder);
  if (resolved.ok) return [];
  return resolved.problems
    .filter(
      ({ index, field }) =>
        typeof source.valueAt([...key, index, field]) === 'string' || index >= entries.length,
    )
    .map(({ index, field, message, suggestion }) =>
      source.problem(
        [...key, index, field],
        message,
        suggestion === undefined ? undefined : `write ${suggestion}`,
      ),
    );
}

function checkReady(source: YamlSource, at: KeyPath): ConfigProblem[] {
  const key = [...at, 'ready'];
  if (source.valueAt(key) === undefined) return [];
  if (source.valueAt([...at, 'kind']) === 'job')
    return [source.problem(key, 'a job is ready once it has ended with 0', 'leave out ready')];
  const ways = (source.keysAt(key) ?? []).filter((one) => one !== 'timeout_s');
  if (ways.length !== 1)
    return [
      source.problem(
        key,
        'expected one of listener, after_ms and notify',
        'write {listener: NAME}, {after_ms: NUMBER} or {notify: true}',
      ),
    ];
  if (ways[0] === 'after_ms' && source.valueAt([...key, 'timeout_s']) !== undefined)
    return [source.problem([...key, 'timeout_s'], 'nothing is awaited with after_ms', 'leave it out')];
  const egress = source.valueAt([...at, 'egress']) ?? source.valueAt(['defaults', 'egress']);
  if (ways[0] === 'notify' && egress === 'channel')
    return [
      source.problem(
        [...key, 'notify'],
        'with egress channel the plugin has no notify socket: the broker gives it, and sees no call there',
        'write {listener: NAME} or {after_ms: NUMBER}, or egress: transparent',
      ),
    ];
  const listeners = source.valueAt([...at, 'listen']);
  const names = (Array.isArray(listeners) ? listeners : []).map((_, index) =>
    textAt(source, [...at, 'listen', index, 'name']),
  );
  return source
    .textsAt([...key, 'listener'])
    .filter(({ text }) => !names.includes(text))
    .map(({ key: place, text }) =>
      source.problem(place, `there is no listener "${text}"`, didYouMean(text, names)),
    );
}

/** The schema reports a value that is no text. */
function textAt(source: YamlSource, key: KeyPath): string {
  return source.textsAt(key)[0]?.text ?? '';
}

function checkProgram(source: YamlSource, at: KeyPath): ConfigProblem[] {
  const key = [...at, 'command', 0];
  return source.valueAt(key) === '' ? [source.problem(key, 'expected a program, not ""')] : [];
}

function checkOrder(source: YamlSource, names: readonly string[]): ConfigProblem[] {
  const after = new Map(
    names.map((name) => [name, source.textsAt(['plugins', name, 'after']).map(({ text }) => text)]),
  );
  return findOrderProblems(after).map((problem) => {
    const key = ['plugins', problem.plugin, 'after'];
    if (problem.kind === 'circle')
      return source.problem(key, `goes in a circle: ${problem.circle.join(' after ')}`);
    return source.problem(
      [...key, problem.index],
      `there is no plugin "${problem.name}"`,
      didYouMean(problem.name, names),
    );
  });
}

// Checks the values of `via`: what the schema of postern.yaml cannot express.

/** @param at the plugin or the defaults @param absolute makes a path of the file absolute */
function checkVia(source: YamlSource, at: KeyPath, absolute: (path: string) => string): ConfigProblem[] {
  const via = [...at, 'via'];
  return [
    ...source.textsAt([...via, 'proxy']).flatMap(({ key, text }) => {
      const read = text === NO_PROXY ? undefined : readProxyUrl(text);
      return read === undefined || read.ok ? [] : [source.problem(key, read.message, read.fix)];
    }),
    ...source.textsAt([...via, 'credentials_file']).flatMap(({ key, text }) => {
      if (source.valueAt([...via, 'proxy']) === undefined)
        return [source.problem(key, 'there is no proxy beside it', 'name the proxy in the same map')];
      return statOf(absolute(text)) === undefined
        ? [source.problem(key, `"${absolute(text)}" does not exist`, 'paths are relative to the file')]
        : [];
    }),
    ...source.textsAt([...via, 'direct']).flatMap(({ key, text }) => {
      const read = readDirect(text);
      if (read === undefined) return [];
      const { message, suggestion } = read;
      return [source.problem(key, message, suggestion && `write ${yamlText(suggestion)}`)];
    }),
    ...checkSource(source, [...via, 'source']),
    ...source
      .textsAt([...via, 'resolvers'])
      .filter(({ text }) => !isNameServer(text))
      .map(({ key, text }) =>
        source.problem(key, `expected an address such as 192.0.2.53 or [::1]:53, not "${text}"`),
      ),
  ];
}

function checkSource(source: YamlSource, at: KeyPath): ConfigProblem[] {
  const families = new Set<number>();
  return source.textsAt(at).flatMap(({ key, text }) => {
    const address = parseAddress(text);
    if (address === undefined) return [source.problem(key, `expected an address, not "${text}"`)];
    if (families.has(address.family))
      return [source.problem(key, `a second IPv${address.family} address`, 'name one of each family')];
    families.add(address.family);
    return [];
  });
}

// Checks that no two listeners of a file have the same address. The second could not be bound, and the error would blame another program.

/** @param folder that relative paths are relative to */
function checkListenPlaces(source: YamlSource, names: readonly string[], folder: string): ConfigProblem[] {
  const taken = new Map<string, KeyPath>();
  const problems: ConfigProblem[] = [];
  const take = (key: KeyPath, place: string): void => {
    const first = taken.get(place);
    if (first === undefined) taken.set(place, key);
    else problems.push(source.problem(key, `${source.lineOf(first)} has that address already`));
  };
  for (const name of names) {
    const listeners = source.valueAt(['plugins', name, 'listen']);
    for (const index of Array.isArray(listeners) ? listeners.keys() : []) {
      for (const { key, text } of source.textsAt(['plugins', name, 'listen', index, 'address'])) {
        const place = placeOf(text, folder);
        if (place !== undefined) take(key, place);
      }
    }
  }
  return problems;
}

/** Undefined for a text that is no address, which another check reports, and for a port that the kernel picks. */
function placeOf(text: string, folder: string): string | undefined {
  const read = readListenAddress(text);
  if (!read.ok) return undefined;
  if (read.address.kind === 'unix') return resolve(folder, read.address.path);
  return read.address.port === 0 ? undefined : `${read.address.bytes.join()} ${read.address.port}`;
}

// Checks the system calls that a file adds to a plugin: whether each may be under its key.

function checkCalls(source: YamlSource, at: KeyPath): ConfigProblem[] {
  return (['allow', 'unsafe_allow'] as const).flatMap((by) =>
    source.textsAt([...at, 'seccomp', by]).flatMap(({ key, text }) => {
      const problem = checkCall(text, by);
      if (problem === undefined) return [];
      return [source.problem(key, problem.message, fixOf(text, by, problem.belongs))];
    }),
  );
}

function fixOf(call: string, by: 'allow' | 'unsafe_allow', belongs: string | undefined): string | undefined {
  return belongs === undefined ? didYouMean(call, callsBy(by)) : `it belongs under ${belongs}`;
}

// Checks the order of starts: `after` must name existing plugins, and must not form a circle. Pure.

type OrderProblem =
  | { readonly kind: 'unknown'; readonly plugin: string; readonly index: number; readonly name: string }
  | { readonly kind: 'circle'; readonly plugin: string; readonly circle: readonly string[] };

/** @param after by plugin, those that start before it */
function findOrderProblems(after: ReadonlyMap<string, readonly string[]>): OrderProblem[] {
  const problems: OrderProblem[] = [];
  for (const [plugin, names] of after) {
    for (const [index, name] of names.entries()) {
      if (!after.has(name)) problems.push({ kind: 'unknown', plugin, index, name });
    }
  }
  const done = new Set<string>();
  const visit = (plugin: string, trail: readonly string[]): void => {
    const at = trail.indexOf(plugin);
    if (at >= 0) {
      problems.push({ kind: 'circle', plugin, circle: [...trail.slice(at), plugin] });
      return;
    }
    if (done.has(plugin)) return;
    for (const name of after.get(plugin) ?? []) visit(name, [...trail, plugin]);
    done.add(plugin);
  };
  for (const plugin of after.keys()) visit(plugin, []);
  return problems;
}
