// Makes the plugin's terminal: a pseudo-terminal of the sandbox's own devpts, which no other process of the host can open. Runs in the
// launcher, which leads its session. The supervisor gets the master.
import {
  openTerminalPair,
  setTerminalModes,
  setWindowSize,
  type TerminalPair,
  takeControllingTerminal,
} from '../../shared/sys/terminal.js';
import type { TerminalSpec } from './spec.js';

export function openTerminal({ modes, size }: TerminalSpec): TerminalPair {
  const pair = openTerminalPair();
  setTerminalModes(pair.slave.number, Buffer.from(modes, 'base64'));
  setWindowSize(pair.slave.number, Buffer.from(size, 'base64'));
  takeControllingTerminal(pair.slave.number);
  return pair;
}
