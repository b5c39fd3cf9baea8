// The wall clock may jump. It gives dates; durations are measured with performance.now().
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../..', import.meta.url));
/** The date of an audit event that is made a little later, those of a question and as an operator sees them, and two gauges that are dates by their names. */
const DATED = [
  'broker/request/account.ts',
  'sandbox/supervisor/control-target.ts',
  'sandbox/supervisor/ask/asks.ts',
  'sandbox/supervisor/record/records.ts',
];

test('no duration is measured with the wall clock', () => {
  const files = ['broker', 'deploy', 'sandbox', 'shared'].flatMap((room) =>
    readdirSync(join(top, room), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(room, path)),
  );
  assert.ok(files.length > 300, `only ${files.length} files were found`);
  const using = files.filter((file) =>
    /Date\.now\(|new Date\((?!\)\.toISOString\(\))/.test(readFileSync(join(top, file), 'utf8')),
  );
  assert.deepEqual(using, DATED);
});
