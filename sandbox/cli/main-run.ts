// The commands that run one program. Their users wait for the program to start, so what only other commands need is not loaded.
import { learnCommand } from './learn.js';
import { runProgram } from './program.js';
import { runCommand } from './run.js';

void runProgram([runCommand(), learnCommand()]);
