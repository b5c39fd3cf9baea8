// postern run: runs one plugin in the foreground. Streams, signals and exit status are the plugin's.
import { type Command, Option } from 'commander';
import { PosternError } from '../../shared/errors.js';
import { OUTPUT_TIMEOUT_MS } from '../../shared/limits.js';
import type { WithSrtSettings } from './import.js';
import { makeCommand } from './program.js';
import { asAllowOptions, limitLines, ownProgram, RefusalReport, refusalLine } from './refusal-line.js';
import type { OpenRunControl } from './run-control.js';
import {
  addGroup,
  addModeOption,
  addRunOptions,
  type LoadFiles,
  type ModeOption,
  pluginOf,
  type RunOptions,
} from './run-options.js';
import { runPlugin } from './run-plugin.js';
import { describeError, runStatus, say, warn } from './say.js';
import { useWaitingStreams, writeOut } from './waiting-streams.js';

/** What only some options need: most runs load nothing of it. */
export interface RunParts extends LoadFiles {
  /** For --control. */
  readonly openControl: OpenRunControl;
  readonly withSrtSettings: WithSrtSettings;
}

export function runCommand(parts?: RunParts): Command {
  const command = makeCommand('run');
  addGroup(addModeOption(addRunOptions(command)), 'Rules', [
    new Option('--srt-settings <file>', 'add what settings of sandbox-runtime (srt) allow'),
    new Option('--ask', 'ask at the terminal, or over --control, about a destination that no rule allows'),
  ]);
  return addGroup(command, 'Operate', [
    new Option('--control <path>', 'listen there for commands, such as postern status'),
  ])
    .addHelpText(
      'after',
      `
Options with ... may be given several times.

Examples:
  postern run --allow api.example.com -- node plugin.js
  postern run --allow '*.example.com:443' --deny tracker.example.com -- ./build.sh
  postern run --listen web=127.0.0.1:8080 -- ./server
  postern run --limit memory_mib=512 --limit processes=64 -- ./build.sh
  postern run --allow 127.0.0.1:5432 --metrics 127.0.0.1:9464 -- python3 report.py

Exit status: the program's; 128+N where signal N ended it; 127 not found,
126 not runnable, 125 postern itself.`,
    )
    .action(async (words: string[], options: RunControlOptions) => {
      const status = await run(words, options, parts);
      await writeOut(OUTPUT_TIMEOUT_MS);
      process.exit(status);
    });
}

interface RunControlOptions extends RunOptions, ModeOption {
  readonly control?: string;
  readonly srtSettings?: string;
}

/** @returns the exit status */
async function run(
  command: readonly string[],
  given: RunControlOptions,
  parts: RunParts | undefined,
): Promise<number> {
  useWaitingStreams();
  try {
    refuseAskInAudit(given);
    const options =
      given.srtSettings === undefined ? given : (parts?.withSrtSettings(given, given.srtSettings) ?? given);
    const config = pluginOf(command, options, options.mode, parts);
    const control = options.control === undefined ? undefined : parts?.openControl(options.control);
    const report = new RefusalReport(
      (plugin) => plugin === config.name,
      (event) => refusalLine(event, asAllowOptions, ownProgram(config)),
      limitLines(warn),
    );
    const onEvent = options.audit === '-' ? (): void => {} : report.take;
    const status = await runPlugin(config, options, onEvent, false, control).finally(() => control?.close());
    say(report.summary());
    return status;
  } catch (error) {
    say(describeError(error), 'error');
    return runStatus(error);
  }
}

function refuseAskInAudit({ ask, mode }: RunOptions & ModeOption): void {
  if (ask !== true || mode !== 'audit') return;
  throw new PosternError('usage', 'Cannot ask in mode audit: it allows what no rule allows', {
    fix: 'leave out --ask or --mode audit',
  });
}
