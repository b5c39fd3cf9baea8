// One broker process from its start to its end: its streams to the supervisor, and the reason of its end.

import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { PosternError } from '../../../shared/errors.js';
import { KILLED_EXIT_MS, LAST_WORDS_MS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import { OWN_ROOT } from '../../../shared/protocol/link.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { TokenBucket } from '../../../shared/token-bucket.js';
import { namespacesFailure, refusalFix } from '../../host/namespaces-failure.js';
import type { Privileges } from '../../host/privileges.js';
import { shortageIn } from '../../host/shortage.js';
import { type BrokerLines, brokerFailed, linesOver } from './broker-lines.js';
import { BrokerPackets } from './broker-packets.js';
import { takeBroker } from './early-broker.js';

export interface SpawnedBroker {
  readonly child: ChildProcess;
  /** Emits the end of its program, once. */
  readonly ends: EventEmitter<{ end: [status: number | null, signal: NodeJS.Signals | null] }>;
  /**
   * Ends its program. The process itself stays while the kernel works for one of its threads, which a plugin can make last for many seconds.
   * Nobody waits for that.
   */
  readonly kill: () => void;
  readonly lines: BrokerLines;
  /** Takes packets with descriptors. Closed when the process has ended. */
  readonly packets: BrokerPackets;
  /** Rejects with the reason when the process has ended. */
  readonly gone: Promise<never>;
  /** The broker runs: from now on its stderr is its own, and no longer that of unshare(1). */
  readonly cameUp: () => void;
}

/**
 * @param watch owns the packet socket from here on, and receives what the broker sends there. It returns what ends that, and closes the socket
 * @param onWords takes what it writes on stderr
 * @throws PosternError `launch_failed` or `broker_failed` if the process does not start
 */
export async function spawnBroker(
  as: Privileges,
  watch: (packets: OwnedFd) => () => void,
  onWords: (text: string) => void = (text) => void process.stderr.write(text),
): Promise<SpawnedBroker> {
  const broker = takeBroker(as);
  const { child, spawned } = broker;
  const ours = new OwnedFd(broker.packets);
  const endWatch = watch(ours);
  const ends: SpawnedBroker['ends'] = new EventEmitter();
  child.once('exit', (status, signal) => ends.emit('end', status, signal));
  const kill = (): void => {
    child.kill('SIGKILL');
    // protects: G9 the next broker does not wait until the kernel lets the former one go
    setTimeout(() => ends.emit('end', null, 'SIGKILL'), KILLED_EXIT_MS).unref();
  };
  const packets = new BrokerPackets(ours, kill);
  const lines = linesOver(broker.lines, kill);
  let up = false;
  let unshared = '';
  const words = new BrokerWords(onWords);
  const stderr = new Socket({ fd: broker.words, writable: false });
  stderr.setEncoding('utf8').on('data', (text: string) => {
    // err(3) writes its line in parts.
    if (!up && (unshared !== '' || FAILED_START.test(text))) unshared += text;
    else words.push(text);
  });
  stderr.on('error', () => stderr.destroy()).once('close', () => words.end());
  const release = (): void => {
    packets.close();
    endWatch();
  };
  const gone = new Promise<never>((_, reject) => {
    child.once('error', ({ message }) => {
      if (child.pid === undefined) {
        release();
        lines.closeSoon();
      }
      reject(
        as === 'confined-root'
          ? brokerFailed(message, undefined, shortageIn(message))
          : namespacesFailure(message),
      );
    });
    ends.once('end', (status, signal) => {
      release();
      const failure = (): Error =>
        unshared === ''
          ? brokerFailed(`it ended with ${signal ?? `status ${status}`}`)
          : failedStart(unshared);
      // Its last output may still be under way. Nothing else should hold the other end; if something does, it has little time.
      const late = setTimeout(() => stderr.destroy(), LAST_WORDS_MS);
      const tell = (): void => {
        clearTimeout(late);
        reject(failure());
      };
      if (stderr.closed) tell();
      else stderr.once('close', tell);
    });
  });
  gone.catch(() => {});
  // Without a free descriptor the child has no streams.
  await Promise.race([gone, spawned]);
  return {
    child,
    ends,
    kill,
    lines,
    packets,
    gone,
    cameUp: () => {
      up = true;
    },
  };
}

// What a broker says that does not come up.

/** How unshare(1), nsenter(1) and the broker's first program begin what they say of a failure. */
const FAILED_START = new RegExp(`^(?:unshare|nsenter|${OWN_ROOT}): `);

function failedStart(words: string): PosternError {
  const [first = ''] = words.trim().split('\n');
  if (!first.startsWith(OWN_ROOT)) return namespacesFailure(words);
  const said = first.slice(`${OWN_ROOT}: `.length);
  return new PosternError('launch_failed', `Cannot start the broker, step root: ${said}`, {
    fix: refusalFix(said),
    fields: { step: 'root', errno: shortageIn(said) },
  });
}

// Prints the broker's stderr on the operator's terminal. A broker that was taken over writes what it likes, so lines are made printable,
// and their length and number per second are bounded.

const MOST_CHARACTERS = 4096;
const LINES_PER_SECOND = 20;
/** Node's report of an uncaught error has about thirty lines. */
const LINES_AT_ONCE = 200;

export class BrokerWords {
  readonly #print: (text: string) => void;
  readonly #bucket: TokenBucket;
  #line = '';
  #leftOut = 0;

  /** @param print takes whole lines */
  constructor(print: (text: string) => void, now?: () => number) {
    this.#print = print;
    this.#bucket = new TokenBucket(LINES_PER_SECOND, LINES_AT_ONCE, now);
  }

  push(words: string): void {
    const [first = '', ...rest] = words.split('\n');
    this.#keep(first);
    for (const next of rest) {
      this.#end();
      this.#keep(next);
    }
  }

  /** Call it at the end of the stream: prints a last line without a newline, and the number of dropped lines. */
  end(): void {
    if (this.#line !== '') this.#end();
    if (this.#leftOut > 0) this.#print(`postern: ${this.#leftOut} lines of the broker's were left out\n`);
    this.#leftOut = 0;
  }

  #keep(part: string): void {
    if (this.#line.length < MOST_CHARACTERS) this.#line += part.slice(0, MOST_CHARACTERS - this.#line.length);
  }

  #end(): void {
    const line = this.#line;
    this.#line = '';
    if (this.#bucket.take())
      this.#print(
        `${/* protects: G13 the broker's own words reach a terminal without control characters => line */ printable(line)}\n`,
      );
    else this.#leftOut += 1;
  }
}
