// Prepares the plugin's standard streams. A regular file is relayed through a pipe: a plugin that holds the file, even only for
// reading, could open it for writing by /proc/self/fd. Runs in the supervisor.
import { createWriteStream, fstatSync, openSync, read, type Stats } from 'node:fs';
import { constants } from 'node:os';
import { StringDecoder } from 'node:string_decoder';
import { isatty } from 'node:tty';
import { PosternError } from '../../../shared/errors.js';
import {
  areDuplicates,
  duplicate,
  offsetOf,
  pipeSize,
  readOnce,
  setOffset,
  writeOnce,
} from '../../../shared/sys/fcntl.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { bytesInPipe, makePipe, type Pipe } from '../../../shared/sys/pipe.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { isListening, nameForGood, SOCK_DGRAM, socketKind } from '../../../shared/sys/socket.js';
import { READABLE, Watch, WRITABLE } from '../../../shared/sys/uv-poll.js';
import { TerminalRelay } from '../terminal/terminal-relay.js';
import { UserTerminal } from '../terminal/user-terminal.js';

const { EAGAIN } = constants.errno;
const NULL_DEVICE = 0x103;
const NAMES = ['stdin', 'stdout', 'stderr'] as const;

/** The plugin's three streams, as descriptors for the launcher. */
export interface StandardStreams {
  readonly descriptors: readonly OwnedFd[];
  /** If some of them are the user's terminal: what carries bytes to and from the plugin's own one. */
  readonly terminal?: TerminalRelay | undefined;
  /** Called when the run has ended. Resolves when what it wrote by then has been written. @returns the failures */
  readonly drained: () => Promise<readonly string[]>;
}

/**
 * Prepares this process's own streams 0, 1 and 2 for a plugin.
 *
 * @throws PosternError `unsafe_stream` for an inet, vsock, datagram or listening socket, which would be a way out
 */
export function inheritStreams(): StandardStreams {
  const descriptors: OwnedFd[] = [];
  const terminal = relayTerminal();
  const relays: Relay[] = [];
  let relayedOutput: OwnedFd | undefined;
  for (const fd of [0, 1, 2] as const) {
    const stats = statOf(fd);
    if (stats === undefined) {
      descriptors.push(nullDevice());
    } else if (terminal?.streams.includes(fd) === true) {
      // Its place, until the launcher has made the plugin's terminal.
      descriptors.push(nullDevice());
    } else if (passesAsItIs(fd, stats)) {
      descriptors.push(duplicate(fd));
    } else if (!stats.isFile() && !stats.isCharacterDevice() && !stats.isBlockDevice()) {
      throw new PosternError(
        'unsafe_stream',
        `Cannot pass ${NAMES[fd]} to the plugin: it is not a file, pipe, terminal or socket`,
        {
          fix: 'put a pipe between: "| cat" for output, "cat |" for input',
        },
      );
    } else if (fd === 0) {
      descriptors.push(relayInput(relays));
    } else if (fd === 2 && relayedOutput !== undefined && areDuplicates(1, 2)) {
      // As after `>log 2>&1`. In one pipe, the two keep their order.
      descriptors.push(duplicate(relayedOutput.number));
    } else {
      relayedOutput = relayOutput(fd, relays);
      descriptors.push(relayedOutput);
    }
  }
  return {
    descriptors,
    terminal,
    drained: async () => {
      const failures = await Promise.all(relays.map((finish) => finish()));
      return failures.filter((failure) => failure !== undefined);
    },
  };
}

/** A second terminal, as that of `2>/dev/pts/3`, is relayed as a file is. So is one that cannot be opened again. */
function relayTerminal(): TerminalRelay | undefined {
  const terminals = [0, 1, 2].filter((fd) => statOf(fd) !== undefined && isatty(fd));
  const [first] = terminals;
  if (first === undefined) return undefined;
  const user = UserTerminal.open(first);
  const modes = user?.modes();
  if (user === undefined || modes === undefined) return undefined;
  const streams = terminals.filter((fd) => statOf(fd)?.rdev === statOf(first)?.rdev);
  return new TerminalRelay(user, streams, modes);
}

/** Takes a line. @returns undefined, or a promise for when it has room for more: until then the writer waits at its pipe */
type TakeLine<T extends unknown[]> = (...line: T) => Promise<void> | undefined;

/** Gives a plugin /dev/null as input and two pipes for output, whose lines go to `onLine`; for many plugins in one process. */
export function captureStreams(
  onLine: TakeLine<[stream: 'stdout' | 'stderr', line: string]>,
): StandardStreams {
  const opened: OwnedFd[] = [];
  const open = (): Pipe => {
    const pipe = makePipe();
    opened.push(pipe.read, pipe.write);
    return pipe;
  };
  try {
    const [stdout, stderr] = [open(), open()];
    const nothing = nullDevice();
    opened.push(nothing);
    const descriptors = [nothing, stdout.write, stderr.write];
    const relays = [
      readLines(stdout.read, (line) => onLine('stdout', line)),
      readLines(stderr.read, (line) => onLine('stderr', line)),
    ];
    return { descriptors, drained: () => Promise.all(relays.map((finish) => finish())).then(() => []) };
  } catch (error) {
    for (const descriptor of opened) descriptor.close();
    throw error;
  }
}

function statOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined; // postern was started without it.
  }
}

function passesAsItIs(fd: 0 | 1 | 2, stats: Stats): boolean {
  if (
    /* protects: G15 a regular file as a standard stream is relayed => $& || stats.isFile() */ stats.isFIFO()
  )
    return true;
  if (stats.isCharacterDevice()) return stats.rdev === NULL_DEVICE;
  if (!stats.isSocket()) return false;
  const kind = socketKind(fd);
  if (
    /* protects: G15 an inet socket as a standard stream refuses the start */ kind?.family === AF_UNIX &&
    kind.type !== SOCK_DGRAM &&
    /* protects: G15 a listening socket as a standard stream refuses the start */ !isListening(fd)
  ) {
    nameForGood(fd);
    return true;
  }
  throw new PosternError(
    'unsafe_stream',
    `Cannot pass ${NAMES[fd]} to the plugin: it is a socket that reaches elsewhere`,
    {
      fix: `put a pipe between: "| cat" for output, "cat |" for input`,
    },
  );
}

function nullDevice(): OwnedFd {
  return new OwnedFd(openSync('/dev/null', 'r+'));
}

function relayInput(relays: Relay[]): OwnedFd {
  const pipe = makePipe();
  const source = new FileInput(duplicate(0), { read: duplicate(pipe.read.number), write: pipe.write });
  relays.push(async () => source.finish());
  return pipe.read;
}

const CHUNK_BYTES = 65_536;

/**
 * Copies what is on stdin into the plugin's pipe. If it has a place that reading moves, that one is in the end where the plugin's own reads would have
 * left it: what the plugin has not read is for who reads the file next, as in `while read line; do postern run -- true; done <file`.
 */
class FileInput {
  readonly #file: OwnedFd;
  readonly #pipe: Pipe;
  readonly #start: number;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  readonly #watch: Watch;
  /** What is to be written of the chunk. */
  #rest: Buffer = this.#chunk.subarray(0, 0);
  #sent = 0;
  #isReading = false;
  #ended = false;
  #failure: string | undefined;

  /** @param pipe both ends are owned from here on. By its reading end the bytes in it are counted */
  constructor(file: OwnedFd, pipe: Pipe) {
    this.#file = file;
    this.#pipe = pipe;
    this.#start = offsetOf(file.number);
    this.#watch = new Watch(pipe.write.number, () => this.#write());
    // The plugin may stop reading before the end of the file.
    this.#watch.keepAlive(false);
    this.#read();
  }

  /** The run has ended. @returns the failure, if the file could not be read to where the plugin wanted it */
  finish(): string | undefined {
    // The plugin may have put bytes of its own into the pipe.
    const taken = Math.max(0, this.#sent - bytesInPipe(this.#pipe.read.number));
    if (this.#start >= 0) setOffset(this.#file.number, this.#start + taken);
    this.#endInput();
    this.#pipe.read.close();
    this.#ended = true;
    // A read that is under way has its descriptor.
    if (!this.#isReading) this.#file.close();
    return this.#failure;
  }

  #read(): void {
    this.#isReading = true;
    const from = this.#start < 0 ? null : this.#start + this.#sent;
    read(this.#file.number, this.#chunk, 0, CHUNK_BYTES, from, (error, length) => {
      this.#isReading = false;
      if (this.#ended) return this.#file.close();
      if (error !== null) this.#failure = `Cannot read ${NAMES[0]} for the plugin: ${error.code}`;
      if (error !== null || length === 0) return this.#endInput();
      this.#rest = this.#chunk.subarray(0, length);
      this.#write();
    });
  }

  #write(): void {
    const written = writeOnce(this.#pipe.write.number, this.#rest);
    if (written > 0) {
      this.#sent += written;
      this.#rest = this.#rest.subarray(written);
    }
    this.#watch.want(this.#rest.length > 0 ? WRITABLE : 0);
    if (this.#rest.length === 0) this.#read();
  }

  #endInput(): void {
    if (!this.#pipe.write.open) return;
    this.#watch.close();
    this.#pipe.write.close();
  }
}

/** Called when the run has ended. Resolves when its output is where it belongs, with the failure if there is one. */
type Relay = () => Promise<string | undefined>;

function relayOutput(fd: 1 | 2, relays: Relay[]): OwnedFd {
  const pipe = makePipe();
  const sink = createWriteStream('', { fd: duplicate(fd).release() });
  const source = new OutputPipe(pipe.read, (bytes) =>
    sink.write(bytes) ? undefined : new Promise((resolve) => sink.once('drain', resolve)),
  );
  void source.closed.then(() => sink.end());
  const written = new Promise<string | undefined>((resolve) => {
    let failure: string | undefined;
    sink.on('error', ({ code }: NodeJS.ErrnoException) => {
      failure = `Cannot write what the plugin wrote to ${NAMES[fd]}: ${code}`;
      source.close();
    });
    sink.on('close', () => resolve(failure));
  });
  relays.push(() => {
    void source.finish();
    return written;
  });
  return pipe.write;
}

const MAX_LINE_CHARACTERS = 65_536;

function readLines(end: OwnedFd, onLine: TakeLine<[line: string]>): Relay {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const source = new OutputPipe(end, (bytes) => {
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARACTERS) {
      lines.push(rest);
      rest = '';
    }
    let room: Promise<void> | undefined;
    // A later line may be dropped, and so need no room.
    // protects: G8 output: a plugin waits for a reader, whatever lines come behind the one that has no room => for (const line of lines) room = onLine(line);
    for (const line of lines) room = onLine(line) ?? room;
    return room;
  });
  const told = source.closed.then(() => {
    rest += decoder.end();
    if (rest !== '') onLine(rest);
    return undefined;
  });
  return async () => {
    await source.finish();
    return told;
  };
}

// The reading end of a plugin's output. The pipe has an end only when nobody holds its other end, and a plugin can pass that on (SCM_RIGHTS): to another
// plugin, or into a queue. So the end of the run is the end of the output. What the run wrote is in the pipe by then.

const buffer = Buffer.alloc(65_536);

export class OutputPipe {
  /** Resolves when nothing more is read. */
  readonly closed: Promise<void>;
  #onClosed: () => void = () => {};
  readonly #end: OwnedFd;
  readonly #take: TakeLine<[bytes: Buffer]>;
  readonly #watch: Watch;

  /** @param end owned from here on @param take gets bytes that are its own */
  constructor(end: OwnedFd, take: TakeLine<[bytes: Buffer]>) {
    this.#end = end;
    this.#take = take;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#watch = new Watch(end.number, () => this.#readSome());
    this.#watch.want(READABLE);
  }

  /** The run has ended: takes what is in the pipe. Resolves when there is room for more. */
  async finish(): Promise<void> {
    let room: Promise<void> | undefined;
    // protects: G8 output: the end of the run is the end of its output => return this.closed;
    for (
      let left = this.#end.open ? pipeSize(this.#end.number) : 0;
      /* protects: G8 output: an ended run writes no more than its pipe holds => true */ left > 0;
    ) {
      const bytes = this.#read();
      if (bytes === undefined) break;
      left -= bytes.length;
      room = this.#take(bytes);
    }
    this.close();
    await room;
  }

  close(): void {
    if (!this.#end.open) return;
    this.#watch.close();
    this.#end.close();
    this.#onClosed();
  }

  #readSome(): void {
    const bytes = this.#read();
    const room = bytes && this.#take(bytes);
    if (room === undefined) return;
    this.#watch.want(0);
    void room.then(() => this.#watch.want(READABLE));
  }

  /** @returns undefined if there is nothing. At the end of the pipe it is closed */
  #read(): Buffer | undefined {
    const length = this.#end.open ? readOnce(this.#end.number, buffer) : 0;
    if (length > 0) return Buffer.from(buffer.subarray(0, length));
    if (length !== -EAGAIN) this.close();
    return undefined;
  }
}
