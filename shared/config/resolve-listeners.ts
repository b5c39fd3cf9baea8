// Checks the listeners of a plugin together: names, addresses and their number.

import { resolve } from 'node:path';

import { quote } from '../policy/quote.js';
import { readListenAddress } from './listen-address.js';
import type { ListenConfig } from './plugin-config.js';

/** Listeners that one plugin inherits. */
const MAX_LISTENERS = 64;

/** sd_listen_fds_with_names(3) takes up to 255 printable characters except `:`. These characters need no quotes anywhere. */
const LISTENER_NAME = /^[A-Za-z0-9._-]{1,64}$/;

interface ListenProblem {
  /** The index of the entry. */
  readonly index: number;
  readonly field: 'name' | 'address';
  readonly message: string;
  /** What that field was probably meant to be. */
  readonly suggestion?: string | undefined;
}

type ResolvedListeners =
  | { readonly ok: true; readonly listeners: readonly ListenConfig[] }
  | { readonly ok: false; readonly problems: readonly ListenProblem[] };

/**
 * @param entries names and addresses as written
 * @param folder that relative paths are relative to
 * @returns the listeners with absolute paths, or every problem
 */
export function resolveListeners(entries: readonly ListenConfig[], folder: string): ResolvedListeners {
  const problems: ListenProblem[] = [];
  const listeners = entries.map(({ name, address }, index) => {
    if (!LISTENER_NAME.test(name)) {
      const message = `Not a listener's name: ${quote(name)}; use letters, digits, ".", "_" and "-", at most 64`;
      problems.push({ index, field: 'name', message });
    } else if (entries.findIndex((entry) => entry.name === name) < index) {
      problems.push({ index, field: 'name', message: `Two listeners are named ${quote(name)}` });
    }
    let read = readListenAddress(address);
    const path = read.ok && read.address.kind === 'unix' ? resolve(folder, read.address.path) : undefined;
    if (path !== undefined) read = readListenAddress(path);
    if (!read.ok) {
      const { message, suggestion } = read;
      problems.push({ index, field: 'address', message, suggestion });
    }
    return { name, address: path ?? address };
  });
  if (entries.length > MAX_LISTENERS) {
    const message = `A plugin has at most ${MAX_LISTENERS} listeners, not ${entries.length}`;
    problems.push({ index: MAX_LISTENERS, field: 'name', message });
  }
  return problems.length === 0 ? { ok: true, listeners } : { ok: false, problems };
}

// Splits NAME=ADDR of the command line. resolveListeners() checks both parts.

type ParsedListen =
  | { readonly ok: true; readonly listen: ListenConfig }
  | { readonly ok: false; readonly message: string; readonly suggestion: string };

/** Splits at the first `=`. @returns name and address as written */
export function parseListen(text: string): ParsedListen {
  const at = text.indexOf('=');
  if (at >= 0) return { ok: true, listen: { name: text.slice(0, at), address: text.slice(at + 1) } };
  const read = readListenAddress(text);
  return {
    ok: false,
    message: `Cannot listen on ${quote(text)}: it has no name`,
    suggestion: `main=${read.ok ? text : (read.suggestion ?? '127.0.0.1:8080')}`,
  };
}
