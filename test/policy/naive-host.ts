// A second reader of the host of a request: it reads names character by character, and addresses by Node's parsers.
import { isIPv4, isIPv6 } from 'node:net';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789_';

/** @returns the name or address in its canonical form, or undefined if it is neither */
export function readHostNaively(text: string): string | undefined {
  if (text.includes(':'))
    return readIpv6(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text);
  return isIPv4(text) ? text : readName(text);
}

function readIpv6(text: string): string | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function readName(text: string): string | undefined {
  const labels = text.split('.');
  if (labels.at(-1) === '') labels.pop();
  if (labels.join('.').length > 253 || labels.length === 0) return undefined;
  const lower: string[] = [];
  for (const label of labels) {
    if (label.length < 1 || label.length > 63 || label.startsWith('-') || label.endsWith('-'))
      return undefined;
    let made = '';
    for (const character of label) {
      const small =
        character >= 'A' && character <= 'Z' ? String.fromCharCode(character.charCodeAt(0) + 32) : character;
      if (!LETTERS.includes(small) && small !== '-') return undefined;
      made += small;
    }
    lower.push(made);
  }
  const last = lower.at(-1) ?? '';
  const hexadecimal =
    last.startsWith('0x') && [...last.slice(2)].every((digit) => '0123456789abcdef'.includes(digit));
  const decimal = [...last].every((digit) => digit >= '0' && digit <= '9');
  if (hexadecimal || decimal) return undefined;
  const name = lower.join('.');
  return URL.canParse(`http://${name}/`) && new URL(`http://${name}/`).hostname === name ? name : undefined;
}
