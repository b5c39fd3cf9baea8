// Runs every compiled test file under Node's test runner and closes with its figures. A skipped test fails the run where
// CI=true; elsewhere it is listed with its reason.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const wanted = process.argv.slice(2);

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

const files = testFiles(here)
  .filter((file) => wanted.length === 0 || wanted.some((word) => relative(here, file).includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(', ')}`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'postern-tests-'));
const skips = join(folder, 'skips');
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-concurrency=4',
    '--test-timeout=600000',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(here, 'harness/skip-reporter.js')}`,
    `--test-reporter-destination=${skips}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
const skipped = readFileSync(skips, 'utf8').split('\n').filter(Boolean);
rmSync(folder, { recursive: true });
if (skipped.length > 0) {
  console.error(`Skipped:\n  ${skipped.join('\n  ')}`);
  if (process.env['CI'] === 'true') {
    console.error('A skipped test is a failure here (CI=true)');
    process.exit(1);
  }
}
process.exit(status ?? 1);
