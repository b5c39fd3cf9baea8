// postern doctor: tests whether this host can run postern, and prints a fix for what is missing. It makes a real sandbox and
// leaves nothing behind.
import type { Command } from 'commander';
import { describeExamination, toJson } from '../doctor/describe.js';
import { examine } from '../doctor/examine.js';
import { readHost } from '../doctor/read-host.js';
import { tryHost } from '../doctor/trial.js';
import { makeCommand } from './program.js';
import { takesColour } from './say.js';

/** Exit status: 0 where nothing is missing, 1 otherwise. */
export function doctorCommand(): Command {
  return makeCommand('doctor')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  postern doctor
  postern doctor --json

Run it as the user that will run postern: root needs more.
missing: postern cannot run. degraded: it runs, with one protection or feature less.
Exit status: 0 where nothing is missing, 1 otherwise, 2 for wrong usage.`,
    )
    .action(async ({ json }: { json?: boolean }) => {
      const examination = examine(readHost(), await tryHost());
      const text = json === true ? toJson(examination) : describeExamination(examination, takesColour());
      process.stdout.write(text, () => process.exit(examination.ok ? 0 : 1));
    });
}
