// Explains why a text that looks like an address or prefix is no rule.
import { addressFromBytes } from './address.js';
import { diagnosePort, type Finding } from './diagnose-port.js';
import { parseIpv4 } from './parse-ipv4.js';
import { parseIpv6 } from './parse-ipv6.js';
import { formatPrefix, prefixOf } from './prefix.js';

const QUAD_LIKE = /^(\d[\d.]*\.[\d.]*|\d+(?=\/))(?:\/([^:]*))?(?::([^:]*))?$/s;
const BRACKETED = /^\[([^\]]*)\](\/[^:]*)?(?::(.*))?$/s;
const COLONS = /^[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*(?:%[^/]*)?(\/\d+)?(:\d+)?$/i;

/**
 * Says what is wrong with a rule for addresses.
 *
 * @param text a rule that was refused
 * @returns what is wrong, or undefined if the text does not look like an address
 */
export function diagnoseAddressRule(text: string): Finding | undefined {
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
