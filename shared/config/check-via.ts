// Checks the values of `via`: what the schema of postern.yaml cannot express.
import { type Stats, statSync } from 'node:fs';
import { parseAddress } from '../policy/address.js';
import { yamlText } from '../yaml-text.js';
import type { ConfigProblem } from './config-problem.js';
import { isNameServer } from './name-server.js';
import { readProxyUrl } from './proxy-url.js';
import { readDirect } from './read-direct.js';
import { NO_PROXY } from './via-config.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

/** @param at the plugin or the defaults @param absolute makes a path of the file absolute */
export function checkVia(
  source: YamlSource,
  at: KeyPath,
  absolute: (path: string) => string,
): ConfigProblem[] {
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

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
