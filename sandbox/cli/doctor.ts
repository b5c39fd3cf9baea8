// postern doctor: whether this host can run postern, and for each lack the fix. Makes a real sandbox; leaves nothing.
import { Command } from 'commander';
import { describeExamination, toJson } from '../doctor/describe.js';
import { examine } from '../doctor/examine.js';
import { readHost } from '../doctor/read-host.js';
import { tryHost } from '../doctor/trial.js';
import { takesColour } from './colour.js';

/** Exit status: 0 where nothing is lacking, 1 otherwise. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('test whether this host can run postern, and say what to do about each lack')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  postern doctor
  postern doctor --json

Run it as the user that shall run postern: root needs more.
Exit status: 0 where nothing is lacking, 1 otherwise, 2 for wrong usage.`,
    )
    .action(async ({ json }: { json?: boolean }) => {
      const examination = examine(readHost(), await tryHost());
      const text = json === true ? toJson(examination) : describeExamination(examination, takesColour());
      process.stdout.write(text, () => process.exit(examination.ok ? 0 : 1));
    });
}
