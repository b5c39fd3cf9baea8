// What may be a secret, and the value of a header with secrets, as the configuration writes it: `Bearer {github}`. Pure. `check` and supervisor read
// them, and the gateway fills the header.

// What may be a secret. The supervisor asks when it has read one. No message holds anything of it.

/** A shorter one would be masked where it is none. */
const LEAST = 8;
const MOST = 8192;

/** @returns why a value can be no secret, as in `it is empty`; undefined if it can */
export function secretProblem(value: string): string | undefined {
  if (value === '') return 'it is empty';
  // protects: G23 gateway: a secret with a line break is refused
  if (/[\r\n]/.test(value)) return 'it has more than one line';
  if (!/^[\x20-\x7e]*$/.test(value)) return 'it has other characters than printable ASCII';
  if (value !== value.trim()) return 'it begins or ends with a space';
  if (value.length < LEAST) return `it has less than ${LEAST} characters, and could not be masked`;
  return value.length > MOST ? `it has more than ${MOST} characters` : undefined;
}

/** A file ends with a line break. @param bytes of a file, or of what a command has printed */
export function secretOf(bytes: string): string {
  return bytes.replace(/\r?\n$/, '');
}

// Header values with secrets.

export type ReadTemplate =
  | { readonly ok: true; readonly parts: readonly TemplatePart[] }
  | { readonly ok: false; readonly message: string };

export type TemplatePart = { readonly text: string } | { readonly secret: string };

export const SECRET_NAME: RegExp = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export function readTemplate(text: string): ReadTemplate {
  if (!/^[\x20-\x7e]+$/.test(text))
    return { ok: false, message: 'expected one line of printable ASCII characters' };
  const parts: TemplatePart[] = [];
  for (const [whole, , secret] of text.matchAll(/[^{}]+|(\{([^{}]*)\})|[{}]/g)) {
    if (secret === undefined && /[{}]/.test(whole))
      return { ok: false, message: 'a { without its }, or the other way round' };
    if (secret !== undefined && !SECRET_NAME.test(secret))
      return { ok: false, message: `"${secret}" is not the name of a secret` };
    parts.push(secret === undefined ? { text: whole } : { secret });
  }
  return { ok: true, parts };
}

export function secretsIn(parts: readonly TemplatePart[]): readonly string[] {
  return parts.flatMap((part) => ('secret' in part ? part.secret : []));
}

/** Headers that the gateway itself decides about. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'content-length'],
  ...['te', 'trailer', 'upgrade', 'expect', 'accept-encoding', 'proxy-authorization'],
]);

/** @returns why a header cannot be set; undefined if it can */
export function headerProblem(name: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return 'not the name of a header';
  return OWN_HEADERS.has(name.toLowerCase()) ? 'the gateway itself decides about this header' : undefined;
}
