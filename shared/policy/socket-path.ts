// The path of a host's AF_UNIX socket, unix(7), as a rule and a request write it. Pure. Trusts no text.
import { quote } from './quote.js';

/** Before the path, in a rule and in the host of a request. */
export const UNIX_PREFIX = 'unix:';

/** sizeof(sun_path), less the NUL at its end. */
const MAX_SOCKET_PATH_BYTES = 107;

/** A port or a list of ports, as an inet rule has it at its end. */
const PORTS = /:(?:\*|[0-9][0-9,-]*)$/;
/** \p{Cc} has NUL in it. An unpaired surrogate has no UTF-8 form. */
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}]/u;

/**
 * Reads a path. No other text names the same path, so that paths are compared as texts.
 *
 * @param text an absolute path in its shortest form, or the bytes of one
 * @returns the path, or undefined for anything else
 */
export function parseSocketPath(text: string | Uint8Array): string | undefined {
  const path = typeof text === 'string' ? text : decode(text);
  return path === undefined || whyNoSocketPath(path) !== undefined ? undefined : path;
}

/** The host of a request for a path, whatever the path is. */
export function socketHost(path: string | Uint8Array): string {
  return UNIX_PREFIX + (typeof path === 'string' ? path : new TextDecoder().decode(path));
}

/** @returns what a path has that is wrong; undefined for a path that {@link parseSocketPath} reads */
export function whyNoSocketPath(path: string): string | undefined {
  if (!path.startsWith('/')) return 'a path that is not absolute';
  if (UNPRINTABLE.test(path)) return 'a control character in its path';
  if (path.trim() !== path) return 'white space at the end of its path';
  if (PORTS.test(path)) return 'a port: a UNIX socket has none';
  if (path.includes('*')) return 'a wildcard in its path: a rule names one socket';
  const normal = shortestPath(path);
  if (normal !== path) return `a path that is not in its shortest form: ${quote(normal)}`;
  if (path === '/') return 'a path that names no socket';
  return utf8Bytes(path) > MAX_SOCKET_PATH_BYTES
    ? `a path of more than ${MAX_SOCKET_PATH_BYTES} bytes`
    : undefined;
}

/** The path that was probably meant: without ports, and in its shortest form. */
export function likelySocketPath(path: string): string {
  return shortestPath(
    path
      .replace(/\p{Cc}/gu, '')
      .replace(PORTS, '')
      .trim(),
  );
}

/** Without `.`, `..` and empty segments. Links are not known here. */
export function shortestPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    // A byte order mark is kept: without it, another path would be read.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
