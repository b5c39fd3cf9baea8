// postern test: compares decisions written in a file with this version's policy. Reads one file and connects nowhere.
import type { Command } from 'commander';
import { quoteDestination } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import { type Outcome, runVectors, type VectorResult } from '../../shared/policy/run-vectors.js';
import { readTextFile } from '../../shared/read-file.js';
import { makeCommand } from './program.js';

const MAX_VECTORS_MIB = 64;

/** The output of the command, and its exit status. */
export interface TestReport {
  readonly status: 0 | 1 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The `test` command. Exit status: 0; 1 where a vector fails; 2 where the file cannot be read or holds no vectors.
 */
export function testCommand(): Command {
  return makeCommand('test')
    .argument('<file>', 'JSON array of vectors')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  postern test vectors.json\n\nExit status: 0, 1 where a vector fails, 2 where the file cannot be read.',
    )
    .action((file: string, options: { json?: boolean }) => {
      const report = testVectors(file, options.json === true);
      process.stdout.write(report.stdout);
      process.stderr.write(report.stderr);
      process.exitCode = report.status;
    });
}

/**
 * Runs a file of vectors.
 *
 * @param json whether to print one JSON object instead of lines
 */
export function testVectors(file: string, json: boolean): TestReport {
  const read = readTextFile(file, MAX_VECTORS_MIB);
  if ('problem' in read) return fail(`The file ${quote(file)} ${read.problem}`);
  let vectors: unknown;
  try {
    vectors = JSON.parse(read.text);
  } catch {
    return fail(`The file ${quote(file)} is not JSON`);
  }
  const run = runVectors(vectors);
  if (!run.ok) return fail(`The file ${quote(file)} is not an array of vectors: ${run.problem}`);
  const failures = run.results.filter((result) => !result.passed);
  const passed = run.results.length - failures.length;
  const stdout = json
    ? `${JSON.stringify({ passed, failed: failures.length, failures })}\n`
    : `${failures.map(describeFailure).join('')}${passed} passed, ${failures.length} failed\n`;
  return { status: failures.length === 0 ? 0 : 1, stdout, stderr: '' };
}

function describeFailure({ index, request, expected, got }: VectorResult): string {
  const destination = quoteDestination(request.host, request.port);
  const dials = expected.dials ? got.dials : undefined;
  return `vector ${index}: ${destination}: expected ${describeOutcome(expected, expected.dials)}, got ${describeOutcome(got, dials)}\n`;
}

function describeOutcome(
  { decision, reason, rejected }: Outcome,
  dials: readonly string[] | undefined,
): string {
  const cause = `${rejected ? ' by refused rules' : ''}${reason ? ` (${reason})` : ''}`;
  return `${decision}${cause}${dials ? ` dialling ${dials.join(', ') || 'nothing'}` : ''}`;
}

function fail(problem: string): TestReport {
  return { status: 2, stdout: '', stderr: `postern: ${problem}\n` };
}
