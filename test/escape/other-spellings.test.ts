// proves: G6
// proves: G7
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'The forbidden address is asked for under other spellings, families and lengths, with other words beside it',
  program: 'other-spellings.py',
  decided: true,
  without: [],
  refused: ({ findings }) => assertRefused(findings),
});

function assertRefused(findings: ReadonlyMap<string, string>): void {
  assert.match(findings.get('hosts') ?? '', /^(\d{2}) of \1$/, 'every spelling had its answer');
  assert.equal(findings.get('opened'), 'none');
  assert.equal(findings.get('reasons'), 'invalid_port malformed_host no_rule port_not_allowed');
  assert.equal(findings.get('ports'), 'invalid_port port_not_allowed');
  assert.match(findings.get('others') ?? '', /^EPIPE/, 'a request with a word too many ends its session');
}
