// The command `postern`, with all its commands. start.ts loads this module, unless it loads before-run.ts or main-control.ts.
import { allCommands } from './all-commands.js';
import { runProgram } from './program.js';

void runProgram(allCommands());
