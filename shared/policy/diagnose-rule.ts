// Explains why a text is no rule, and suggests one. This makes messages only: a suggestion never becomes a rule.
import { diagnoseAddressRule } from './diagnose-address-rule.js';
import { diagnosePort, type Finding } from './diagnose-port.js';
import { diagnoseSocketRule } from './diagnose-socket-rule.js';
import { parseName } from './parse-host.js';
import { type ListName, parseRule, RULE_CLASSES } from './parse-rule.js';
import { isPublicSuffix } from './public-suffix.js';
import { quote } from './quote.js';
import { toAscii } from './to-ascii.js';

/** What is wrong with a rule. */
export interface Diagnosis {
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
  const plain = name.toLowerCase().replace(/[^a-z]/g, '');
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
  return 'a character is not a letter, a digit, "-" or "_"';
}
