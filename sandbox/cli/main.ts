// The command `postern`. Each command is a file of this folder. start.ts loads this module, unless it loads before-run.ts or main-control.ts.
import { loadRuleFile } from '../../shared/config/rule-file.js';
import { checkCommand } from './check.js';
import { controlCommands } from './control/control-commands.js';
import { doctorCommand } from './doctor.js';
import { explainCommand } from './explain.js';
import { initCommand } from './init.js';
import { learnCommand } from './learn.js';
import { runProgram } from './program.js';
import { runCommand } from './run.js';
import { openRunControl } from './run-control.js';
import { testCommand } from './test.js';
import { upCommand } from './up.js';

void runProgram([
  runCommand({ openControl: openRunControl, loadRuleFile }),
  learnCommand(),
  upCommand(),
  checkCommand(),
  explainCommand(),
  testCommand(),
  initCommand(),
  doctorCommand(),
  ...controlCommands(),
]);
