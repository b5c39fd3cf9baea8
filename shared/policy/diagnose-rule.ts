// Explains why a text is no rule, and suggests one. This makes messages only: a suggestion never becomes a rule.
import { addressFromBytes, parseIpv4, parseIpv6 } from './address.js';
import { parseName, toAscii } from './parse-host.js';
import { MAX_PORT_ITEMS } from './parse-ports.js';
import { type ListName, parseRule } from './parse-rule.js';
import { formatPrefix, prefixOf } from './prefix.js';
import { isPublicSuffix } from './public-suffix.js';
import { quote } from './quote.js';
import { likelySocketPath, UNIX_PREFIX, whyNoSocketPath } from './socket-path.js';
import { RULE_CLASSES } from './special-blocks.js';

/** What is wrong with a rule. */
interface Diagnosis {
  readonly text: string;
  readonly message: string;
  readonly suggestion?: string;
}

/**
 * Says what is wrong with a rule that {@link parseRule} refused.
 *
 * @param rule the value in the list, a string or not
 * @param list which list
 * @returns a message that quotes the rule. A suggestion is always a valid rule of the list
 */
export function diagnoseRule(rule: unknown, list: ListName): Diagnosis {
  if (typeof rule !== 'string') return { text: '', message: 'The rule is not a string' };
  const [why, suggestion] = diagnose(rule);
  const valid = suggestion !== undefined && parseRule(suggestion, list) !== undefined;
  return { text: rule, message: `The rule ${quote(rule)} ${why}`, ...(valid && { suggestion }) };
}

function diagnose(text: string): Finding {
  if (text === '') return ['is empty'];
  const socket = diagnoseSocketRule(text);
  if (socket) return socket;
  if (/[\s\p{Cc}]/u.test(text))
    return [
      'has white space or a control character in it',
      text.replace(/^\s+|\s+$|(?<=,)\s+|(?!\s)\p{Cc}/gu, ''),
    ];
  return diagnoseScheme(text) ?? diagnoseAlphabet(text) ?? diagnoseAddressRule(text) ?? diagnoseParts(text);
}

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?([^/?#]*)/i;
const SCHEME_PORTS: Readonly<Record<string, string>> = { http: ':80', ws: ':80', ssh: ':22', ftp: ':21' };

function diagnoseScheme(text: string): Finding | undefined {
  const url = SCHEME.exec(text);
  if (!url) return undefined;
  const [, scheme = '', authority = ''] = url;
  const port = /:\d*$/.test(authority) ? '' : (SCHEME_PORTS[scheme.toLowerCase()] ?? '');
  return [`has the scheme "${scheme}": rules are for TCP, and say host and port`, authority + port];
}

function diagnoseAlphabet(text: string): Finding | undefined {
  if (/[^ -~]/.test(text)) return ['is not ASCII: a name is matched in its "xn--" form', toAscii(text)];
  if (/[?#\\]/.test(text)) return ['has a path or a query', text.replace(/[/?#\\].*$/s, '')];
  const user = /^[^@]+@(.*)$/s.exec(text);
  return user ? ['has a user in it', user[1]] : undefined;
}

function diagnoseParts(text: string): Finding {
  const path = /^([^/]*)\/(?:.*)$/s.exec(text);
  if (path) return ['has a path', path[1]];
  const [subject = '', port, ...more] = text.split(':');
  if (more.length > 0) return ['has more than one colon'];
  if (subject.startsWith('@')) return diagnoseClass(subject.slice(1), port);
  const why = diagnoseName(subject, port);
  if (why) return why;
  return port === undefined ? ['is neither a name, an address nor a class'] : diagnosePort(subject, port);
}

function diagnoseClass(name: string, port: string | undefined): Finding {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const found = RULE_CLASSES.find((known) => known === plain);
  const suffix = port === undefined ? '' : `:${port}`;
  if (name === found) return diagnosePort(`@${name}`, port ?? '');
  return [`names no class: there are @${RULE_CLASSES.join(', @')}`, found && `@${found}${suffix}`];
}

function diagnoseName(subject: string, port: string | undefined): Finding | undefined {
  const suffix = port === undefined ? '' : `:${port}`;
  if (subject === '*' || parseRule(subject, 'allow')) return undefined;
  if (subject === '') return ['has no host'];
  const wildcard = /^\*\*?\.([^*]*)$/.exec(subject);
  const below = wildcard?.[1] ?? subject;
  if (below.includes('*')) return diagnoseWildcard(subject, suffix);
  const name = parseName(below);
  if (wildcard && name !== undefined && isPublicSuffix(name)) {
    const under = quote(name);
    return [
      `is a wildcard over ${under}, under which anyone can register a name`,
      `*.example.${name}${suffix}`,
    ];
  }
  return [`has a host that is neither a name nor an address: ${describeName(below)}`];
}

function diagnoseWildcard(subject: string, suffix: string): Finding {
  if (/\*$/.test(subject)) {
    return [
      'has a wildcard at its end: only a whole first label can be one',
      `${subject.replace(/\.?\*+$/, '.com')}${suffix}`,
    ];
  }
  const rest = subject.slice(subject.lastIndexOf('*') + 1).replace(/^[^.]*\.(?=.*\.)|^\./, '');
  return ['has a wildcard inside: only a whole first label can be one', `*.${rest}${suffix}`];
}

function describeName(name: string): string {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > 254) return 'it is longer than 253 characters';
  if (labels.includes('')) return 'a label is empty';
  if (labels.some((label) => label.length > 63)) return 'a label is longer than 63 characters';
  if (labels.some((label) => /^-|-$/.test(label))) return 'a label begins or ends with a hyphen';
  if (/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '')) return 'its last label is a number';
  if (labels.some((label) => /^xn--[\w-]*$/i.test(label)))
    return 'a label begins with "xn--" and is no valid punycode';
  return 'a character is not a letter, a digit, "-" or "_"';
}

// Explains why a text that looks like an address or prefix is no rule.

const QUAD_LIKE = /^(\d[\d.]*\.[\d.]*|\d+(?=\/))(?:\/([^:]*))?(?::([^:]*))?$/s;
const BRACKETED = /^\[([^\]]*)\](\/[^:]*)?(?::(.*))?$/s;
const COLONS = /^[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*(?:%[^/]*)?(\/\d+)?(:\d+)?$/i;

/**
 * Says what is wrong with a rule for addresses.
 *
 * @param text a rule that was refused
 * @returns what is wrong, or undefined if the text does not look like an address
 */
function diagnoseAddressRule(text: string): Finding | undefined {
  const quad = QUAD_LIKE.exec(text);
  if (quad) return diagnoseIpv4(quad[1] ?? '', quad[2], quad[3]);
  if (text.startsWith('[') || text.includes(']')) return diagnoseBracketed(text);
  const bare = COLONS.exec(text);
  return bare ? diagnoseBare(text, bare[1] ?? '', bare[2] ?? '') : undefined;
}

function diagnoseIpv4(base: string, length: string | undefined, port: string | undefined): Finding {
  const rest = `${length === undefined ? '' : `/${length}`}${port === undefined ? '' : `:${port}`}`;
  const bytes = parseIpv4(base);
  if (!bytes) {
    const plain = base.replace(/\b0+(?=\d)/g, '');
    if (plain !== base) return ['has an octet with a leading zero, which some read as octal', plain + rest];
    return ['is not a dotted quad: four numbers from 0 to 255'];
  }
  return diagnosePrefix(bytes, base, length, port);
}

function diagnoseBracketed(text: string): Finding {
  const [match, inner = '', outside = '', port] = BRACKETED.exec(text) ?? [];
  if (match === undefined) return ['has a bracket without its other half', text.replace(/[[\]]/g, '')];
  const suffix = port === undefined ? '' : `:${port}`;
  if (outside) return ['has its prefix length outside the brackets', `[${inner}${outside}]${suffix}`];
  if (inner.includes('%'))
    return ['has a zone, which no rule can have', `[${inner.replace(/%[^/]*/, '')}]${suffix}`];
  const [base = '', length] = inner.split(/\/(.*)/s);
  const bytes = parseIpv6(base);
  if (!bytes)
    return ['has brackets round something other than an IPv6 address or prefix', `${inner}${suffix}`];
  const address = addressFromBytes(bytes);
  if (address.family === 4 && length !== undefined) {
    const bits = Number(length) - 96;
    const form = bits >= 0 && bits <= 32 ? formatPrefix(prefixOf(address, bits)) + suffix : undefined;
    return ['is an IPv4-mapped prefix: write its IPv4 form', form];
  }
  return diagnosePrefix(bytes, `[${base}]`, length, port);
}

/** A base that is an address. `subject` is its text as written. */
function diagnosePrefix(
  bytes: Uint8Array,
  subject: string,
  length: string | undefined,
  port: string | undefined,
): Finding {
  if (length === undefined) return diagnosePort(subject, port ?? '');
  const suffix = port === undefined ? '' : `:${port}`;
  const bits = Number(length);
  const most = bytes.length * 8;
  const right = /^\d+$/.test(length) && bits <= most;
  const prefix = right ? formatPrefix(prefixOf(addressFromBytes(bytes), bits)) : undefined;
  if (prefix === undefined || String(bits) !== length) {
    return [`has a bad prefix length: it is a number from 0 to ${most}`, prefix && prefix + suffix];
  }
  const written = formatPrefix({ family: bytes.length === 4 ? 4 : 6, bytes, length: bits });
  if (prefix !== written) return ['has bits set after its prefix length', prefix + suffix];
  return diagnosePort(prefix, port ?? '');
}

/** IPv6 without brackets: nobody can tell where the address ends and the port begins. */
function diagnoseBare(text: string, length: string, port: string): Finding {
  const why = 'has an IPv6 address without brackets';
  const body = text.slice(0, text.length - length.length - port.length).replace(/%.*/s, '');
  if (length || port) return [why, `[${body}${length}]${port}`];
  const parts = /^(.*):(\d{2,5})$/.exec(body);
  if (parts && parseIpv6(parts[1] ?? '')) return [why, `[${parts[1]}]:${parts[2]}`];
  return [why, `[${body}]`];
}

// Explains why a text that looks like a rule for a socket is no rule.

const SOCKET_RULE = /^unix:(?=.*\/)(.*)$/is;

/** @returns what is wrong, or undefined if the text does not look like a rule for a socket */
function diagnoseSocketRule(text: string): Finding | undefined {
  const path = SOCKET_RULE.exec(text)?.[1];
  if (path === undefined) return undefined;
  const meant = UNIX_PREFIX + likelySocketPath(path);
  if (!text.startsWith(UNIX_PREFIX)) return ['does not begin with "unix:" in lower case', meant];
  // Nothing says where a relative path begins.
  return [`has ${whyNoSocketPath(path)}`, path.startsWith('/') ? meant : undefined];
}

// Explains why the text after the colon of a rule is no port.

/** Why a text is no rule, as the end of a sentence that quotes it, and the rule that was probably meant. */
type Finding = readonly [why: string, suggestion?: string | undefined];

/**
 * Says what is wrong with a rule's ports.
 *
 * @param subject the valid text before the colon
 * @param port the text after it
 */
function diagnosePort(subject: string, port: string): Finding {
  if (port === '') return ['has no port after its colon', subject];
  const reversed = /^([1-9]\d*)-([1-9]\d*)$/.exec(port);
  if (reversed && Number(reversed[1]) > Number(reversed[2])) {
    return [`has the port range "${port}" the wrong way round`, `${subject}:${reversed[2]}-${reversed[1]}`];
  }
  if (port.split(',').length > MAX_PORT_ITEMS)
    return [`has more than ${MAX_PORT_ITEMS} ports and ranges: write several rules`];
  const items = port.split(',').filter((item) => item !== '');
  const plain = items.map((item) => item.replace(/^0+(?=\d)/, '')).join(',');
  const suggestion = plain === port ? subject : `${subject}:${plain}`;
  return ['has a bad port: ports are "*", or numbers from 1 to 65535 and ranges of them', suggestion];
}
