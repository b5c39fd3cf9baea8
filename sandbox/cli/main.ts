// The command `postern`. Each command of command-table.ts has its maker here. start.ts loads this module, unless it loads before-run.ts or main-control.ts.
import type { Command } from 'commander';
import { loadRuleFile } from '../../shared/config/rule-file.js';
import { auditCommand } from './audit.js';
import { checkCommand } from './check.js';
import type { AskingName, CommandName } from './command-table.js';
import { ASKING_COMMANDS } from './control/control-commands.js';
import { diffCommand } from './diff.js';
import { doctorCommand } from './doctor.js';
import { explainCommand } from './explain.js';
import { importCommand, withSrtSettings } from './import.js';
import { initCommand } from './init.js';
import { learnCommand } from './learn.js';
import { mcpCommand } from './mcp.js';
import { presetsCommand } from './presets.js';
import { makeAll, runProgram } from './program.js';
import { reportCommand } from './report.js';
import { runCommand } from './run.js';
import { openRunControl } from './run-control.js';
import { testCommand } from './test.js';
import { upCommand } from './up.js';

const OWN: Readonly<Record<Exclude<CommandName, AskingName>, () => Command>> = {
  run: () => runCommand({ openControl: openRunControl, loadRuleFile, withSrtSettings }),
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
  doctor: doctorCommand,
};

void runProgram(makeAll({ ...OWN, ...ASKING_COMMANDS }));
