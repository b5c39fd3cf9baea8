// The commands that ask a running postern. They load nothing of a supervisor.
import { controlCommands } from './control/control-commands.js';
import { learnLiveCommand } from './control/learn-live.js';
import { runProgram } from './program.js';

void runProgram([...controlCommands(), learnLiveCommand()]);
