// Puts secrets into the headers of a request: those that the configuration sets, and those in which the program has a placeholder. Runs in the gateway,
// which holds the secrets of its plugin alone. Pure. Trusts the configuration, and nothing of the program's headers.

import type { TemplatePart } from '../../shared/config/secret-template.js';

/** A secret's value by its name. */
export type Secrets = ReadonlyMap<string, string>;

// Header values with secrets, as shared/config/secret-template.ts reads them.

/** @returns undefined if a secret is missing: then the request must not go out */
export function fillTemplate(parts: readonly TemplatePart[], secrets: Secrets): string | undefined {
  const texts = parts.map((part) => ('secret' in part ? secrets.get(part.secret) : part.text));
  return texts.includes(undefined) ? undefined : texts.join('');
}

// Placeholders: worthless tokens that the program has in the place of a secret.

export interface Placeholder {
  /** Random for each start. */
  readonly token: string;
  readonly secret: string;
  /** In lower case. In no other header it is swapped. */
  readonly headers: readonly string[];
}

/** @returns the header's value for the upstream; undefined if a secret is missing */
export function swapPlaceholders(
  name: string,
  value: string,
  placeholders: readonly Placeholder[],
  secrets: Secrets,
): { readonly value: string; readonly swapped: number } | undefined {
  let now = value;
  let swapped = 0;
  for (const { token, secret, headers } of placeholders) {
    // protects: G23 gateway: a placeholder is swapped in the headers that are named
    if (!headers.includes(name.toLowerCase())) continue;
    const there = secrets.get(secret);
    const next = swapIn(now, token, there ?? '');
    if (next === now) continue;
    if (there === undefined) return undefined;
    now = next;
    swapped += 1;
  }
  return { value: now, swapped };
}

/** RFC 7617: user and password stand in base64. */
const BASIC = /^(basic +)([A-Za-z0-9+/]+={0,2})( *)$/i;

function swapIn(value: string, token: string, secret: string): string {
  const [, scheme, encoded] = BASIC.exec(value) ?? [];
  if (scheme === undefined || encoded === undefined) return value.replaceAll(token, () => secret);
  const credentials = Buffer.from(encoded, 'base64').toString('latin1');
  if (!credentials.includes(token)) return value;
  const filled = credentials.replaceAll(token, () => secret);
  return `${scheme}${Buffer.from(filled, 'latin1').toString('base64')}`;
}
