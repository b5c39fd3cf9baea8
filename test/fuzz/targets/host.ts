// A request's host: a naive reader reads the same as the parser, and the parser reads its own result as itself.
import assert from 'node:assert/strict';
import { parseAddress } from '../../../shared/policy/address.js';
import { parseHost, parseName } from '../../../shared/policy/parse-host.js';
import { quote } from '../../../shared/policy/quote.js';
import { readHostNaively } from '../../policy/naive-host.js';
import type { FuzzTarget } from '../fuzz-target.js';

export const target: FuzzTarget = {
  name: 'host',
  maxBytes: 600,
  slowMs: 50,
  tokens: [
    ...[
      '.',
      '..',
      '::',
      ':',
      '[',
      ']',
      '%',
      '0x',
      '-',
      '_',
      'xn--',
      'localhost',
      '::ffff:',
      '127.0.0.1',
      '255',
    ],
    ...[
      '169.254.169.254',
      '64:ff9b::',
      'fe80::1%eth0',
      '\u0000',
      '\u212a',
      '\uff0e',
      '\u00ad',
      '@',
      '/',
      '#',
      ' ',
      '\n',
    ],
    ...['a'.repeat(63), 'a'.repeat(64), `${'abcdefg.'.repeat(31)}abcde`],
  ],
  run: (bytes) => {
    const utf8 = Buffer.from(bytes).toString('utf8');
    return `${read(utf8)} ${read(Buffer.from(bytes).toString('latin1'))}`;
  },
};

function read(text: string): string {
  const host = parseHost(text);
  const found = host?.kind === 'name' ? host.name : host?.address.text;
  assert.equal(found, readHostNaively(text), quote(text));
  assert.match(quote(text), /^"[ -~…]*"$/);
  if (host === undefined || found === undefined) return 'malformed';
  assert.deepEqual(parseHost(found), host, 'its canonical form is read as itself');
  if (host.kind === 'name') {
    assert.equal(parseName(text), found);
    assert.equal(parseAddress(found), undefined, 'a name is no address');
    return `name ${Math.min(4, found.split('.').length)} ${text.endsWith('.')}`;
  }
  assert.equal(host.address.bytes.length, host.address.family === 4 ? 4 : 16);
  return `${host.address.family} ${text.startsWith('[')} ${found.includes('::')}`;
}
