// postern check: reports what a start would refuse of a configuration file, and warns of rules without effect. Starts nothing.
import type { Command } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { DEFAULT_CONFIG } from '../../shared/bundles.js';
import { CALL_FORMS } from '../../shared/config/call-forms.js';
import { ConfigError, type ConfigProblem, describeProblem } from '../../shared/config/config-problem.js';
import type { Config, LoadedPlugin } from '../../shared/config/load-config.js';
import { loadBoundary } from '../../shared/config/rule-file.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import type { Boundary } from '../../shared/policy/policy.js';
import { printable } from '../../shared/printable.js';
import { processesInAll } from '../host/privileges.js';
import { hostFiles } from '../supervisor/files/host-files.js';
import { configFile } from './default-config.js';
import { beyond, describeBeyond } from './diff.js';
import { loadChecked, ownFilesIn, plansOf, problemsOfPlugins } from './load-checked.js';
import { makeCommand } from './program.js';
import { paint } from './say.js';
import {
  askWarnings,
  type CheckWarning,
  commandWarnings,
  describeWarning,
  homeWarnings,
  hostWarnings,
  loopbackWarnings,
  presetWarnings,
  processWarnings,
  sharedFolderWarnings,
} from './warnings.js';

interface CheckReport {
  readonly ok: boolean;
  readonly plugins: number;
  readonly rules: number;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly CheckWarning[];
  /** With --within: what each plugin may reach beyond it. */
  readonly beyond?: ReturnType<typeof beyond>;
}

export function checkCommand(): Command {
  return makeCommand('check')
    .argument('[file]', 'the file (default: ./postern.yaml)')
    .option(
      '--within <rules>',
      'also fail where a plugin may reach what this file of allow: and deny: lists does not',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  postern check
  postern check /etc/postern.yaml --json
  postern check --within /etc/postern/boundary.yaml

Run it as the user who starts postern. It starts nothing, so it does not try what only a start tries: to listen, to
make a sandbox, to run the program. See docs/sandbox.md and "postern doctor".
Exit status: 0 for a valid file, even with warnings; 1 for a file with errors; 2 for wrong usage.`,
    )
    .action(async (file: string | undefined, options: { json?: boolean; within?: string }) => {
      const report = await checkFile(file, options.within);
      process.stdout.write(
        options.json === true
          ? `${asciiJson(report)}\n`
          : describeReport(file ?? `./${DEFAULT_CONFIG}`, report),
      );
      process.exitCode = report.ok ? 0 : 1;
    });
}

async function checkFile(file: string | undefined, within: string | undefined): Promise<CheckReport> {
  let config: Config;
  let boundary: Boundary | undefined;
  try {
    boundary = within === undefined ? undefined : loadBoundary(within);
    config = loadChecked(configFile(file));
    const problems =
      /* protects: G14 what the start of a plugin refuses is refused => [] */ await problemsOfPlugins(config);
    if (problems.length > 0) throw new ConfigError(problems);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ok: false, plugins: 0, rules: 0, problems: error.problems, warnings: [] };
  }
  const rules = config.plugins.reduce(
    (sum, { rules: { allow, deny } }) => sum + allow.length + deny.length,
    0,
  );
  const outside = boundary && beyond(config, boundary);
  return {
    ok: outside === undefined || outside.length === 0,
    ...(outside && { beyond: outside }),
    plugins: config.plugins.length,
    rules,
    problems: [],
    warnings: [
      ...config.plugins.flatMap(warningsOf),
      ...loopbackWarnings(config),
      ...askWarnings(config),
      ...commandWarnings(config),
      ...homeWarnings(config),
      ...presetWarnings(config),
      // protects: G14 a folder by which plugins can reach each other is told
      ...sharedFolderWarnings(config, plansOf(config), hostFiles),
      ...processWarnings(config, processesInAll()),
      // protects: G14 postern's own files in a plugin's writable folder are told
      ...hostWarnings(config, ownFilesIn(config).files, hostFiles),
    ],
  };
}

function warningsOf({ config, rules, unsafeCalls }: LoadedPlugin): CheckWarning[] {
  const compiled = compilePolicy(config);
  if (!compiled.ok) return [];
  const calls = unsafeCalls.map(({ call, place }) => ({
    plugin: config.name,
    place,
    message: `The call "${call}" weakens a guarantee: ${CALL_FORMS.get(call)?.why}`,
  }));
  const ofRules = compiled.warnings.map(({ list, index, message, coveredBy }) => {
    const cover = coveredBy && rules[coveredBy.list][coveredBy.index]?.place;
    return {
      plugin: config.name,
      place: rules[list][index]?.place ?? '',
      message: cover === undefined ? message : `${message} (${cover})`,
    };
  });
  return [...ofRules, ...calls];
}

function describeReport(
  file: string,
  { plugins, rules, problems, warnings, beyond: outside = [] }: CheckReport,
): string {
  const name = printable(file);
  const lines = [
    ...problems.map((problem) => `${paint('error', 'red')}    ${describeProblem(problem)}`),
    ...warnings.map((warning) => `${paint('warning', 'yellow')}  ${describeWarning(warning)}`),
    ...outside.flatMap((one) =>
      describeBeyond(one).map((text) => `${paint('beyond', 'red')}   plugins.${one.plugin}: ${text}`),
    ),
    problems.length === 0
      ? `${name}: ${count(plugins, 'plugin')}, ${count(rules, 'rule')}, ${count(warnings.length, 'warning')}`
      : `${name}: ${count(problems.length, 'error')}`,
  ];
  return `${lines.join('\n')}\n`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
