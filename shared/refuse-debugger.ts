// Imported first by each of postern's programs: takes SIGUSR1 from Node's debugger, and closes one that is open already. The second
// layer: who starts the program with the flags of node-flags.ts, and no NODE_OPTIONS, has none to close.
import { UNBINDABLE_DEBUGGER } from './node-flags.js';

process.on('SIGUSR1', () => {});
if (!process.execArgv.includes(UNBINDABLE_DEBUGGER) || process.env['NODE_OPTIONS'] !== undefined) {
  const { close, url } = await import('node:inspector');
  const closeDebugger = (): void => void (url() === undefined || close());
  closeDebugger();
  // A signal that came before is acted on by another thread, which asks the event loop.
  setImmediate(closeDebugger);
}
