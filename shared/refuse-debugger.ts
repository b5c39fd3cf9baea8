// Takes SIGUSR1 from Node's debugger, and closes a debugger that is open. The first program of each process of postern imports this, and so has it
// for the threads and the programs that the process loads later. The library does not: an application's debugger is its own. It is the second
// layer: with the flags of node-flags.ts and without NODE_OPTIONS, no debugger is open.
import { createRequire } from 'node:module';
import { UNBINDABLE_DEBUGGER } from './node-flags.js';

// protects: G19 debugger: SIGUSR1 is taken from it
process.on('SIGUSR1', () => {});
if (!process.execArgv.includes(UNBINDABLE_DEBUGGER) || process.env['NODE_OPTIONS'] !== undefined) {
  const { close, url } = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector');
  const closeDebugger = (): void =>
    void (/* protects: G19 debugger: one that is open is closed => true */ (url() === undefined || close()));
  closeDebugger();
  // Another thread handles a signal that came before, and asks the event loop.
  setImmediate(closeDebugger);
}
