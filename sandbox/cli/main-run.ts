// The command that most start postern for. Its users wait for their program to start, so what only other commands and a few options need is not
// loaded. before-run.ts loads this module.
import { keepEarly } from '../supervisor/broker/early-broker.js';
import type { ForkedBroker } from '../supervisor/broker/fork-broker.js';
import { runProgram } from './program.js';
import { runCommand } from './run.js';

/** @param early a broker that loads already */
export function main(early: ForkedBroker | undefined): void {
  keepEarly(early);
  void runProgram([runCommand()]);
}
