// The server that clients in C connect to. It counts, so that no connect is believed that it did not hear.
import { join } from 'node:path';
import { LineProgram } from '../line-program.js';

export interface Upstream {
  /** A port, or several as LOW-HIGH. */
  readonly ports: string;
  /** Accepts what waits. @returns how many connections it has accepted */
  readonly accepted: () => Promise<number>;
  readonly end: () => Promise<void>;
}

/** A burst of connects leaves its port in TIME_WAIT. Each goes to the next port of these, so that there is always room. */
const PORTS = 64;

/**
 * @param programs the folder of the compiled C programs
 * @param kept how many connections it leaves open
 */
export async function startUpstream(programs: string, kept = 256): Promise<Upstream> {
  const program = new LineProgram([join(programs, 'accepts'), String(kept), String(PORTS)]);
  const ports = await program.line();
  return { ports, accepted: () => program.ask<number>('count'), end: () => program.end() };
}
