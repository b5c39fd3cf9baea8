// postern learn: runs a program in audit mode and prints the rules that it needed.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { loadGatewayFile } from '../../shared/config/gateway-file.js';
import { loadRuleFile } from '../../shared/config/rule-file.js';
import { PosternError } from '../../shared/errors.js';
import { quote } from '../../shared/policy/quote.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';

import { Summarizer } from '../page/summarize.js';
import { Learner, type Learnt } from '../supervisor/learn/learner.js';
import { describeLearnt, NewFile, ruleFileOf, UpdatedFile } from './describe-learnt.js';
import { writeHtml } from './html-report.js';
import { makeCommand } from './program.js';
import { asAllowOptions, limitLines, ownProgram, RefusalReport, refusalLine } from './refusal-line.js';
import { addRunOptions, pluginOf, type RunOptions } from './run-options.js';
import { runPlugin } from './run-plugin.js';
import { describeError, runStatus, say, warn } from './say.js';

/** Pairs of host and port that `learn` keeps of a run. */
const LEARNT_ENDPOINTS = 8192;

interface LearnOptions extends RunOptions {
  readonly output?: string;
  readonly update?: string;
  readonly html?: string;
  readonly json?: boolean;
}

export function learnCommand(): Command {
  const command = makeCommand('learn');
  return addRunOptions(command)
    .option('--output <file>', 'write them to a new file for --rules and presets')
    .option('--update <file>', 'add them to a file of rules, which this run begins with')
    .option('--html <file>', 'write what happened, with the rules, as one page for the browser')
    .option('--json', 'print one JSON object instead, as the last line of stderr')
    .addHelpText(
      'after',
      `
Options with ... may be given several times.

Examples:
  postern learn -- curl -sS https://example.com/
  postern learn --output rules.yaml -- ./build.sh && postern run --rules rules.yaml -- ./build.sh
  postern learn --update rules.yaml -- ./build.sh
  postern learn --rules rules.yaml --json -- node plugin.js 2>&1 >/dev/null | tail -n 1

postern learn NAME (without --) learns from a plugin of a running postern instead: postern learn NAME --help.
It prints only rules that you have not given. Meanwhile the program reaches every public address: learn with programs
that you would run without postern. Deny rules hold. Private, loopback and other special addresses stay refused, and so
do UNIX sockets.
The file of --output or --update has what stayed closed as comments. --update makes a missing file, and keeps its comments.
Ctrl-C and SIGTERM end the program. The rules learnt so far are printed.
stdout is the program's alone; postern's lines, and the JSON, are on stderr.
Exit status: the program's, as with run; 125 where postern itself failed.`,
    )
    .action(async (words: string[], options: LearnOptions) => {
      process.exit(await learn(words, options));
    });
}

/** @returns the exit status */
async function learn(command: readonly string[], options: LearnOptions): Promise<number> {
  try {
    const { output, update } = options;
    if (output !== undefined && update !== undefined)
      throw new PosternError('usage', 'Give --output for a new file, or --update, and not both');
    const isThere = update !== undefined && existsSync(update);
    const given = isThere ? { ...options, rules: [...options.rules, update] } : options;
    const config = pluginOf(command, given, 'audit', { loadRuleFile, loadGatewayFile });
    const path = output ?? update;
    const file = path === undefined ? undefined : isThere ? new UpdatedFile(path) : new NewFile(path);
    const page = options.html === undefined ? undefined : new NewFile(options.html);
    const summarizer = new Summarizer();
    const learner = new Learner({
      plugin: config.name,
      allowed: false,
      ofRefusals: false,
      own: new Set(),
      mostEndpoints: LEARNT_ENDPOINTS,
    });
    const report = new RefusalReport(
      (plugin) => plugin === config.name,
      (event) => refusalLine(event, asAllowOptions, ownProgram(config)),
      limitLines(warn),
    );
    const take = (event: AuditEvent): void => {
      learner.take(event);
      summarizer.take(event);
      if (('decision' in event && event.decision === 'would_deny') || options.audit === '-') return;
      report.take(event);
    };
    const status = await runPlugin(config, given, take, true);
    const { learnt } = learner;
    if (page !== undefined)
      writeHtml(page, {
        title: `What ${config.name} needed`,
        source: 'postern learn',
        summary: summarizer.summary,
        learnt: {
          rules: learnt.rules.map(({ rule }) => rule),
          notes: learnt.refused.map(({ message }) => message),
        },
      });
    const written = [
      ...(path === undefined || file === undefined ? [] : [writeTo(file, learnt, path, config.name)]),
      ...(options.html === undefined ? [] : [`the page is in ${quote(options.html)}`]),
    ];
    if (options.json === true) {
      const allow = learnt.rules.map(({ rule }) => rule);
      process.stderr.write(`${asciiJson({ plugin: config.name, status, allow, ...learnt })}\n`);
    } else say(describeLearnt(learnt, written));
    return status;
  } catch (error) {
    say(describeError(error), 'error');
    return runStatus(error);
  }
}

/** @returns what to say of it */
function writeTo(file: NewFile | UpdatedFile, learnt: Learnt, path: string, plugin: string): string {
  const about = { path, plugin };
  if (file instanceof NewFile) file.write(ruleFileOf(learnt, about));
  else if (!file.write((text) => ruleFileOf(learnt, about, text))) return `nothing new for ${quote(path)}`;
  return `written to ${quote(path)}: use it by --rules, beside the rules that learn was given`;
}
