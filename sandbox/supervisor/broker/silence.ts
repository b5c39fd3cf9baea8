// How long a broker has not answered, and what follows from that. Pure: the caller says what the clock and the kernel show.
import {
  HEARTBEAT_BUSY_MS,
  HEARTBEAT_LATE_MS,
  HEARTBEAT_MS,
  HEARTBEAT_TIMEOUT_MS,
} from '../../../shared/limits.js';

/** What was seen since the last answer. Times in milliseconds. */
export interface Silence {
  /** When it was last looked at, on a clock that only goes forward. */
  readonly at: number;
  /** How long the broker's thread has waited for a processor in its life. */
  readonly waited: number;
  /** The length of the silence. */
  readonly whole: number;
  /** The part of it in which nothing came from the broker, although it had a processor or did not ask for one. */
  readonly own: number;
}

export type Verdict = 'answers' | 'late' | 'hung';

/** An answer has come: the silence begins anew. */
export function newSilence(now: number, waited: number): Silence {
  return { at: now, waited, whole: 0, own: 0 };
}

/**
 * The silence at a later look. If this process itself did not run for long, it could not read an answer: of that time only two intervals count.
 *
 * @param now on the same clock
 * @param waited how long the broker's thread has waited for a processor in its life
 * @param heard whether something else came from the broker meanwhile. The answer may wait behind it, for example behind many audit lines
 */
export function laterSilence(silence: Silence, now: number, waited: number, heard: boolean): Silence {
  const passed = Math.min(Math.max(now - silence.at, 0), 2 * HEARTBEAT_MS);
  const excused =
    /* protects: G11 a broker whose answer waits behind audit lines is not replaced => false */ heard
      ? passed
      : Math.min(Math.max(waited - silence.waited, 0), passed);
  return { at: now, waited, whole: silence.whole + passed, own: silence.own + passed - excused };
}

export function judgeSilence({ whole, own }: Silence): Verdict {
  if (own >= HEARTBEAT_TIMEOUT_MS || whole >= HEARTBEAT_BUSY_MS) return 'hung';
  return own >= HEARTBEAT_LATE_MS ? 'late' : 'answers';
}
