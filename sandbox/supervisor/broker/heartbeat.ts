// Asks a broker again and again whether it still answers. Runs in the supervisor. A broker that hangs holds up every plugin, and no signal
// tells of it.
import { readFileSync } from 'node:fs';
import { HEARTBEAT_MS } from '../../../shared/limits.js';
import type { BrokerLines } from './broker-lines.js';
import { judgeSilence, laterSilence, newSilence, type Silence, type Verdict } from './silence.js';

const NANOSECONDS = 1_000_000;

export class Heartbeat {
  readonly #pid: number;
  readonly #lines: BrokerLines;
  readonly #onVerdict: (verdict: Verdict) => void;
  readonly #timer: NodeJS.Timeout;
  #silence: Silence;
  #answeredAt = performance.now();
  #question: number | undefined;
  #verdict: Verdict = 'answers';
  #pauses = 0;
  /** What the broker had sent at the last look. */
  #received = 0;

  /** @param onVerdict called at each change */
  constructor(pid: number, lines: BrokerLines, onVerdict: (verdict: Verdict) => void) {
    this.#pid = pid;
    this.#lines = lines;
    this.#onVerdict = onVerdict;
    this.#silence = newSilence(performance.now(), processorWait(pid));
    lines.on('line', (line) => {
      if (line.type === 'pong' && line.id === this.#question) this.#answered();
    });
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#timer.unref();
  }

  /** Whether the broker answered in time when it was last looked at. */
  get answers(): boolean {
    return this.#verdict === 'answers';
  }

  get hung(): boolean {
    return this.#verdict === 'hung';
  }

  /** Seconds since the last answer. */
  get ageSeconds(): number {
    return (performance.now() - this.#answeredAt) / 1_000;
  }

  /** While the broker does something long that was asked of it, silence is no fault. */
  async excuse<T>(work: Promise<T>): Promise<T> {
    this.#pauses += 1;
    try {
      return await work;
    } finally {
      this.#pauses -= 1;
      this.#silence = newSilence(performance.now(), processorWait(this.#pid));
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    if (this.#pauses > 0) return;
    if (this.#question === undefined) {
      this.#silence = newSilence(performance.now(), processorWait(this.#pid));
      this.#received = this.#lines.receivedBytes;
      this.#question = this.#lines.nextId();
      this.#lines.send({ type: 'ping', id: this.#question });
      return;
    }
    const heard = this.#lines.receivedBytes > this.#received;
    this.#received = this.#lines.receivedBytes;
    this.#silence = laterSilence(this.#silence, performance.now(), processorWait(this.#pid), heard);
    this.#take(judgeSilence(this.#silence));
  }

  #answered(): void {
    this.#question = undefined;
    this.#answeredAt = performance.now();
    this.#take('answers');
  }

  #take(verdict: Verdict): void {
    if (verdict === this.#verdict) return;
    this.#verdict = verdict;
    this.#onVerdict(verdict);
  }
}

/**
 * How long the main thread of a process has waited for a processor, in milliseconds: the second number of /proc/PID/schedstat, proc(5). 0 on
 * a kernel that does not count it.
 */
function processorWait(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1] ?? 0) / NANOSECONDS;
  } catch {
    return 0;
  }
}
