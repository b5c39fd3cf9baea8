// Checks that no two listeners of a file have the same address. The second could not be bound, and the error would blame another program.
import { resolve } from 'node:path';
import type { ConfigProblem } from './config-problem.js';
import { readListenAddress } from './listen-address.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

/** @param folder that relative paths are relative to */
export function checkListenPlaces(
  source: YamlSource,
  names: readonly string[],
  folder: string,
): ConfigProblem[] {
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
