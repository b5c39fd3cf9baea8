// Rules for methods and paths of HTTP, for a host with a gateway. Pure. The gateway decides by them, `check` reads them, and `explain` says what they
// do. Trusts nothing of a request: its path is from a plugin, which looks for a spelling that the rules and the server read differently. So a path is
// normalised first, and what cannot be read in one way only is no path.

// A rule is METHODS and a pattern: `GET,HEAD /repos/*/issues?state=open`.

export interface HttpRule {
  readonly text: string;
  /** Undefined: every method. */
  readonly methods: readonly string[] | undefined;
  /** `*` is one segment, `**` any number of them. */
  readonly segments: readonly string[];
  /** Parameters of the query that it names. An undefined value: any. */
  readonly query: readonly { readonly name: string; readonly value: string | undefined }[];
}

export type ReadHttpRule =
  | { readonly ok: true; readonly rule: HttpRule }
  | { readonly ok: false; readonly message: string; readonly fix: string };

const FORM = 'write a method and a path, as "GET /repos/*/issues", or "* /public/**" for every method';
/** A request has no other one: what is matched must not be sent in other letters. */
export const METHOD: RegExp = /^[A-Z][A-Z-]{0,31}$/;

export function readHttpRule(text: string): ReadHttpRule {
  const fail = (message: string, fix = FORM): ReadHttpRule => ({ ok: false, message, fix });
  const [, methodText = '', target = ''] = /^(\S+) +(\S+)$/.exec(text) ?? [];
  if (methodText === '') return fail('not a rule for a method and a path');
  const methods = methodText.split(',');
  const odd = methods.find((method) => method !== '*' && !METHOD.test(method));
  if (odd !== undefined)
    return fail(
      `"${odd}" is not a method`,
      METHOD.test(odd.toUpperCase()) ? `write ${odd.toUpperCase()}` : FORM,
    );
  if (methods.includes('CONNECT')) return fail('the gateway refuses CONNECT', 'leave it out');
  const mark = target.indexOf('?');
  const written = mark < 0 ? target : target.slice(0, mark);
  if (!written.startsWith('/')) return fail('a path begins with /', `write ${methodText} /${written}`);
  if (written.includes('#')) return fail('no request has a part behind #', 'leave it out');
  const path = normalisePath(written, 'pattern');
  if (path === undefined) return fail(`"${written}" can be read in more than one way`);
  if (path.text !== written) return fail('not as it is matched', `write ${path.text}`);
  const partial = path.segments.find((one) => one.includes('*') && one !== '*' && one !== '**');
  if (partial !== undefined)
    return fail(
      `in "${partial}" the * is a part of a segment`,
      'a * stands for a whole segment; write %2A for the letter',
    );
  const query = mark < 0 ? [] : [...new URLSearchParams(target.slice(mark + 1))];
  if (mark >= 0 && query.length === 0) return fail('there is nothing behind the ?', 'leave it out');
  return {
    ok: true,
    rule: {
      text,
      methods: methods.includes('*') ? undefined : methods,
      segments: path.segments,
      query: query.map(([name, value]) => ({ name, value: value === '*' ? undefined : value })),
    },
  };
}

/** Words that stand for rules, in `allow`. */
export const HTTP_PRESETS: Readonly<Record<string, readonly string[]>> = {
  'read-only': ['GET,HEAD,OPTIONS /**'],
  'github-read': [
    'GET,HEAD /*/*/info/refs?service=git-upload-pack',
    'GET,HEAD /repos/**',
    'GET,HEAD /user',
    'GET,HEAD /user/repos',
    'GET,HEAD /users/**',
    'GET,HEAD /orgs/**',
    'GET,HEAD /search/**',
    'GET,HEAD /rate_limit',
    'POST /*/*/git-upload-pack',
  ],
  'npm-install': ['GET,HEAD /**', 'POST /-/npm/v1/security/**'],
};

/** @param texts rules that are valid, and presets */
export function httpRulesOf(texts: readonly string[]): readonly HttpRule[] {
  return texts
    .flatMap((text) => HTTP_PRESETS[text] ?? text)
    .flatMap((text) => {
      const read = readHttpRule(text);
      return read.ok ? [read.rule] : [];
    });
}

/** The rules of one host. */
export interface HttpRules {
  /** Empty: everything that no deny rule covers. */
  readonly allow: readonly HttpRule[];
  readonly deny: readonly HttpRule[];
}

// The path of a request, as rules see it.

export interface HttpPath {
  /** As rules match it: without a dot segment, an empty segment or a query. */
  readonly text: string;
  /** The same, with each letter encoded that came encoded, unless that is sure to make no difference. */
  readonly sent: string;
  readonly segments: readonly string[];
}

/** Letters that rules match encoded: decoded, they would be a separator, a second encoding or a wildcard. */
const MATCHED_ENCODED = '/%*?#\\';
/** Letters that mean the same encoded and not, RFC 3986. Others mean the same to most servers, but not to all. */
const UNRESERVED = /[A-Za-z0-9._~-]/;
const REFUSED_LETTER = /[^\x21-\x7e]|\\/;

/**
 * Undoes percent-encoding once, and takes out dot segments and empty segments.
 *
 * @param raw from `/` on, without a query
 * @param as in a pattern `*` is a wildcard, in a request a letter
 * @returns undefined if servers could read it differently
 */
export function normalisePath(raw: string, as: 'request' | 'pattern' = 'request'): HttpPath | undefined {
  if (!raw.startsWith('/') || REFUSED_LETTER.test(raw) || raw.includes('#')) return undefined;
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) return undefined;
  const decoded = decodeLetters(raw, (letter) => UNRESERVED.test(letter));
  // A control character or a backslash, encoded: some servers cut the path there, or take it for a slash.
  // protects: G23 gateway: a path that servers read differently is none
  if (/%(?:[01][0-9A-F]|7F|5C)/.test(decoded)) return undefined;
  // A letter of ASCII in more bytes than it needs, as %C0%AE for a dot: it is no UTF-8, and some decoders read it all the same.
  // protects: G23 gateway: a path with an overlong letter is none
  if (/%C[01]%[89AB]|%E0%[89]|%F0%8/.test(decoded)) return undefined;
  const sent: string[] = [];
  for (const one of decoded.split('/')) {
    if (one === '' || one === '.') continue;
    if (one !== '..') sent.push(one);
    else if (sent.pop() === undefined) return undefined;
  }
  const segments = sent.map((one) => {
    const matched = decodeLetters(one, (letter) => !MATCHED_ENCODED.includes(letter));
    return as === 'request' ? matched.replaceAll('*', '%2A') : matched;
  });
  const whole = (all: readonly string[]): string =>
    `/${all.join('/')}${endsOpen(decoded) && all.length > 0 ? '/' : ''}`;
  return { text: whole(segments), sent: whole(sent), segments };
}

/** Decodes visible letters of ASCII, once. @param which of them */
function decodeLetters(text: string, which: (letter: string) => boolean): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => {
    const code = Number.parseInt(digits, 16);
    const letter = String.fromCharCode(code);
    return code > 0x20 && code < 0x7f && which(letter) ? letter : `%${digits.toUpperCase()}`;
  });
}

/** Whether it ends as a folder: behind the last slash is nothing, or a dot segment. */
function endsOpen(path: string): boolean {
  return /\/\.{0,2}$/.test(path);
}

// The decision.

/** A request that is decided. */
export interface HttpRequest {
  readonly method: string;
  /** As it came, with its query. */
  readonly target: string;
}

export type HttpDecision =
  | {
      readonly decision: 'allow';
      /** The allow rule; undefined if none is needed. */
      readonly rule: string | undefined;
      /** What is sent. */
      readonly target: string;
    }
  | {
      readonly decision: 'deny';
      readonly reason: 'bad_request' | 'method_not_allowed' | 'path_not_allowed';
      /** The deny rule; undefined if no rule allows it. */
      readonly rule: string | undefined;
      /** The allow rule that would allow it. */
      readonly suggestion: string | undefined;
      /** What would be sent; undefined if it is not well-formed. */
      readonly target: string | undefined;
    };

/** A host without rules gets each path as it came. */
export function decideHttp({ allow, deny }: HttpRules, { method, target }: HttpRequest): HttpDecision {
  if (allow.length === 0 && deny.length === 0) return { decision: 'allow', rule: undefined, target };
  const mark = target.indexOf('?');
  const path = normalisePath(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? '' : target.slice(mark);
  const queries = queriesOf(query);
  const readings = path && readingsOf(path);
  if (path === undefined || readings === undefined)
    return {
      decision: 'deny',
      reason: 'bad_request',
      rule: undefined,
      suggestion: undefined,
      target: undefined,
    };
  const sent = `${path.sent}${query}`;
  const denying = deny.find(
    (rule) =>
      coversMethod(rule, method) &&
      /* protects: G23 gateway: a deny rule covers each reading of a query => hasParameters(rule, queries[0], 'some') */ queries.some(
        (parameters) => hasParameters(rule, parameters, 'some'),
      ) &&
      /* protects: G23 gateway: a deny rule covers each reading of a path => coversPath(rule.segments, path.segments, true) */ readings.some(
        ({ segments }) =>
          coversPath(rule.segments, segments, true) ||
          coversPath(splitSlashes(rule.segments), segments, true),
      ),
  );
  if (denying !== undefined)
    return {
      ...{ decision: 'deny', reason: 'path_not_allowed', rule: denying.text, suggestion: undefined },
      target: sent,
    };
  if (allow.length === 0) return { decision: 'allow', rule: undefined, target: sent };
  const onPath = allow.filter(
    (rule) =>
      queries.every((parameters) => hasParameters(rule, parameters, 'all')) &&
      /* protects: G23 gateway: an allow rule covers each reading of a path => coversPath(rule.segments, path.segments, false) */ readings.every(
        ({ segments, isSplit }) =>
          coversPath(isSplit ? splitSlashes(rule.segments) : rule.segments, segments, false),
      ),
  );
  const allowing = onPath.find((rule) => coversMethod(rule, method));
  if (allowing !== undefined) return { decision: 'allow', rule: allowing.text, target: sent };
  return {
    decision: 'deny',
    reason: onPath.length > 0 ? 'method_not_allowed' : 'path_not_allowed',
    rule: undefined,
    suggestion: `${method} ${suggestedPath(path)}`,
    target: sent,
  };
}

/** A segment with parameters is read in two ways, so no other rule can allow it. */
function suggestedPath({ text }: HttpPath): string {
  return text
    .split('/')
    .map((one) => (!one.includes(';') ? one : one.includes('%2F') ? '**' : '*'))
    .join('/');
}

/**
 * Why an allow rule can permit nothing. Servers read a `;` in two ways, and such a rule would have to cover both.
 *
 * @returns undefined if it can permit something
 */
export function allowsNothing({ text, segments }: HttpRule): { message: string; fix: string } | undefined {
  const query = text.slice(text.indexOf('?'));
  if (segments.some((one) => one.includes(';')))
    return {
      message: 'no request fits: servers read a segment with ; in more than one way',
      fix: 'write * for the segment',
    };
  if (text.includes('?') && query.includes(';'))
    return {
      message: 'no request fits: servers read a query with ; in more than one way',
      fix: 'write %3B for the letter, or & between parameters',
    };
  return undefined;
}

interface Reading {
  readonly segments: readonly string[];
  /** Encoded slashes are separators there, in the rule too. */
  readonly isSplit: boolean;
}

/**
 * A segment may have parameters: `/admin;v=1`. Some servers look for `/admin`, others for the whole. An encoded slash is a letter for some, and a separator for
 * others.
 *
 * @returns the path in each way; undefined if one of them leads elsewhere
 */
function readingsOf({ text, segments }: HttpPath): readonly Reading[] | undefined {
  if (!/;|%2F/.test(text)) return [{ segments, isSplit: false }];
  const readings = [
    ...[segments, bare(segments)].map((one) => ({ segments: one, isSplit: false })),
    ...[splitSlashes(segments), bare(splitSlashes(segments)), splitSlashes(bare(segments))].map((one) => ({
      segments: one,
      isSplit: true,
    })),
  ];
  // protects: G23 gateway: an encoded slash leads to no other folder => if (bare(segments).some((segment) => /^\.{0,2}$/.test(segment))) return undefined;
  if (readings.some((one) => one.segments.some((segment) => /^\.{0,2}$/.test(segment)))) return undefined;
  return readings;
}

export function bare(segments: readonly string[]): readonly string[] {
  return segments.map((one) => one.slice(0, one.includes(';') ? one.indexOf(';') : undefined));
}

export function splitSlashes(segments: readonly string[]): readonly string[] {
  return segments.flatMap((one) => one.split('%2F'));
}

/** Some servers separate parameters by `;` too. @returns it in both ways */
function queriesOf(query: string): readonly [URLSearchParams, URLSearchParams] {
  return [new URLSearchParams(query), new URLSearchParams(query.replaceAll(';', '&'))];
}

function coversMethod({ methods }: HttpRule, method: string): boolean {
  return methods === undefined || methods.includes(method);
}

/** @param which of the values of a parameter must be as the rule says. For `some` their case does not matter */
export function hasParameters(
  { query }: Pick<HttpRule, 'query'>,
  parameters: URLSearchParams,
  which: 'all' | 'some',
): boolean {
  const all = [...parameters];
  return query.every(({ name, value }) => {
    const values = all.filter(([one]) => isReadAs(name, one)).map(([, one]) => one);
    if (which === 'all')
      return parameters.has(name) && (value === undefined || values.every((one) => one === value));
    return value === undefined
      ? values.length > 0
      : values.some((one) => one.toLowerCase() === value.toLowerCase());
  });
}

/**
 * Whether some server takes one name of a parameter for another: many ignore the case of letters, and some read `a[]` or `[a]` as `a`. PHP also passes over
 * white space before a name and what follows a NUL, and takes a dot, a space and a bracket that stays open for `_`.
 */
function isReadAs(name: string, other: string): boolean {
  // protects: G23 gateway: a rule for a parameter covers each spelling of its name => return name === other;
  const read = other.replace(/\0.*$/s, '');
  const inner = read.replace(/^[[\]]+/, '');
  const readings = [read, read.replace('[', '_'), inner, inner.replace(/[[\]].*$/s, '')];
  return readings.some((one) => plainName(one) === plainName(name));
}

function plainName(name: string): string {
  return name.trimStart().replace(/[ .]/g, '_').toLowerCase();
}

function coversPath(pattern: readonly string[], path: readonly string[], anyCase: boolean): boolean {
  // No backtracking, whatever the path.
  let places = placesAtStart(pattern);
  for (const segment of path) places = nextPlaces(pattern, places, segment, anyCase);
  return places.includes(pattern.length);
}

/** The places of a pattern that the segments of a path have led to: before the first one. Its length is the place behind it: the whole path fits. */
export function placesAtStart(pattern: readonly string[]): readonly number[] {
  return closure(pattern, [0]);
}

/** @param anyCase servers that ignore the case of letters are met more often than paths that differ in it */
export function nextPlaces(
  pattern: readonly string[],
  places: readonly number[],
  segment: string,
  anyCase: boolean,
): readonly number[] {
  const fits = (one: string): boolean =>
    one === '*' || one === segment || (anyCase && one.toLowerCase() === segment.toLowerCase());
  return closure(
    pattern,
    places.flatMap((place) => {
      const one = pattern[place];
      if (one === undefined) return [];
      if (one === '**') return [place];
      return fits(one) ? [place + 1] : [];
    }),
  );
}

/** `**` stands for no segment, too. */
function closure(pattern: readonly string[], places: readonly number[]): readonly number[] {
  const all = new Set<number>();
  for (let place of places) {
    all.add(place);
    while (pattern[place] === '**') {
      place += 1;
      all.add(place);
    }
  }
  return [...all];
}
