// The commands that ask a running postern. They load nothing of a supervisor.
import { CONTROL_COMMANDS } from './control/control-commands.js';
import { learnLiveCommand } from './control/learn-live.js';
import { makeAll, runProgram } from './program.js';

void runProgram(makeAll({ ...CONTROL_COMMANDS, learn: learnLiveCommand }));
