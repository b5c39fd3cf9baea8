// Each command of command-table.ts has its maker here.
import type { Command } from 'commander';
import { loadGatewayFile } from '../../shared/config/gateway-file.js';
import { loadRuleFile } from '../../shared/config/rule-file.js';
import { auditCommand } from './audit.js';
import { checkCommand } from './check.js';
import { type CommandFacts, factsOf } from './command-facts.js';
import type { CommandName, ControlName } from './command-table.js';
import { completionCommand } from './completion.js';
import { CONTROL_COMMANDS } from './control/control-commands.js';
import { learnLiveCommand } from './control/learn-live.js';
import { diffCommand } from './diff.js';
import { doctorCommand } from './doctor.js';
import { explainCommand } from './explain.js';
import { importCommand, withSrtSettings } from './import.js';
import { initCommand } from './init.js';
import { learnCommand } from './learn.js';
import { mcpCommand } from './mcp.js';
import { presetsCommand } from './presets.js';
import { makeAll, makeProgram } from './program.js';
import { reportCommand } from './report.js';
import { runCommand } from './run.js';
import { openRunControl } from './run-control.js';
import { testCommand } from './test.js';
import { uiCommand } from './ui/ui.js';
import { upCommand } from './up.js';

const OWN: Readonly<Record<Exclude<CommandName, ControlName>, () => Command>> = {
  run: () => runCommand({ openControl: openRunControl, loadRuleFile, loadGatewayFile, withSrtSettings }),
  mcp: mcpCommand,
  learn: learnCommand,
  up: upCommand,
  check: checkCommand,
  diff: diffCommand,
  presets: presetsCommand,
  import: importCommand,
  explain: explainCommand,
  test: testCommand,
  init: initCommand,
  audit: auditCommand,
  report: reportCommand,
  ui: uiCommand,
  doctor: doctorCommand,
  completion: () => completionCommand(allFacts),
};

/** In the order of the help text. */
export function allCommands(): readonly Command[] {
  return makeAll({ ...OWN, ...CONTROL_COMMANDS });
}

/** postern as data, with all commands behind it. `learn NAME` has its own form (choose-program.ts). */
export function allFacts(): CommandFacts {
  const postern = factsOf(makeProgram(allCommands()));
  const live = factsOf(makeProgram([learnLiveCommand()])).parts[0];
  const parts = postern.parts.map((part) =>
    part.words[0] === 'learn' ? { ...part, otherForm: live } : part,
  );
  return { ...postern, parts };
}
