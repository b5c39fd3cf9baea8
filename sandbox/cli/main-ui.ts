// postern ui, in a program of its own: `up` starts it too. The supervisor's process never loads it.
import '../../shared/refuse-debugger.js';
import { makeAll, runProgram } from './program.js';
import { uiCommand } from './ui/ui.js';

void runProgram(makeAll({ ui: uiCommand }));
