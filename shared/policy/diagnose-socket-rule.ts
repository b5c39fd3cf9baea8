// Explains why a text that looks like a rule for a socket is no rule.
import type { Finding } from './diagnose-port.js';
import { likelySocketPath, UNIX_PREFIX, whyNoSocketPath } from './socket-path.js';

const SOCKET_RULE = /^unix:(?=.*\/)(.*)$/is;

/** @returns what is wrong, or undefined if the text does not look like a rule for a socket */
export function diagnoseSocketRule(text: string): Finding | undefined {
  const path = SOCKET_RULE.exec(text)?.[1];
  if (path === undefined) return undefined;
  const meant = UNIX_PREFIX + likelySocketPath(path);
  if (!text.startsWith(UNIX_PREFIX)) return ['does not begin with "unix:" in lower case', meant];
  // Nothing says where a relative path begins.
  return [`has ${whyNoSocketPath(path)}`, path.startsWith('/') ? meant : undefined];
}
