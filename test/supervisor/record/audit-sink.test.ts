import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { AuditSink } from '../../../sandbox/supervisor/record/audit-sink.js';

const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
chmodSync(folder, 0o777);
after(() => rmSync(folder, { recursive: true }));
const dropped = (): void => assert.fail('an event was dropped');

test('events go to a file that nobody executes, a line each', async () => {
  const path = join(folder, 'audit.log');
  const sink = new AuditSink(path, dropped);
  sink.write(AUDIT_EXAMPLES.decision);
  await sink.close();
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 2);
  assert.equal(statSync(path).mode & 0o111, 0);
});

test('no event goes through a link that another user may have put there', () => {
  const victim = join(folder, 'victim');
  writeFileSync(victim, 'as it was');
  const link = join(folder, 'link');
  symlinkSync('victim', link);
  assert.throws(() => new AuditSink(link, dropped), { code: 'audit_destination' });
  assert.equal(readFileSync(victim, 'utf8'), 'as it was');
});

test("a link in a folder of root's is followed, as /dev/stdout", async () => {
  const sink = new AuditSink('/dev/null', dropped);
  sink.write(AUDIT_EXAMPLES.decision);
  await sink.close();
});
