// The standard streams of a plugin for an application. They outlast the runs of the plugin: each run gets pipes of its own.
import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { makePipe } from '../../shared/sys/pipe.js';
import { OutputPipe, type StandardStreams } from '../supervisor/start/standard-streams.js';
import type { PluginStreams, Stdio, StreamKind } from './types.js';

/** What ended runs wrote, and the application that started their plugin has not read, in bytes for each stream. More is lost. */
const UNREAD_OUTPUT_BYTES = 1024 * 1024;

/** Called when the run has ended. */
type End = () => void | Promise<void>;

export class LastingStreams implements PluginStreams {
  readonly stdin: PassThrough | null;
  readonly stdout: PassThrough | null;
  readonly stderr: PassThrough | null;
  readonly #kinds: Exclude<Stdio, StreamKind>;

  constructor(stdio: Stdio = 'pipe') {
    this.#kinds = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio;
    const [stdin, stdout, stderr] = this.#kinds.map((kind) => (kind === 'pipe' ? new PassThrough() : null));
    this.stdin = stdin ?? null;
    this.stdout = stdout ?? null;
    this.stderr = stderr ?? null;
  }

  /** Makes the streams of the next run. */
  open(): StandardStreams {
    const opened: OwnedFd[] = [];
    const ends: End[] = [];
    const [stdin, stdout, stderr] = this.#kinds;
    try {
      const descriptors = [
        stdin === 'ignore' ? nullDevice(opened) : feed(this.stdin ?? process.stdin, opened, ends),
        stdout === 'ignore' ? nullDevice(opened) : drain(this.stdout ?? process.stdout, opened, ends),
        stderr === 'ignore' ? nullDevice(opened) : drain(this.stderr ?? process.stderr, opened, ends),
      ];
      const drained = async (): Promise<readonly string[]> => {
        await Promise.all(ends.map((end) => end()));
        return [];
      };
      return { descriptors, drained };
    } catch (error) {
      for (const descriptor of opened) descriptor.close();
      throw error;
    }
  }

  /** The last run has ended, and its output was read. */
  end(): void {
    this.stdout?.end();
    this.stderr?.end();
    this.stdin?.destroy();
  }
}

function nullDevice(opened: OwnedFd[]): OwnedFd {
  const device = new OwnedFd(openSync('/dev/null', 'r+'));
  opened.push(device);
  return device;
}

/** @param ends takes what ends it. Bytes that the run did not read are lost then @returns the plugin's end of a pipe that the stream writes into */
function feed(from: Readable, opened: OwnedFd[], ends: End[]): OwnedFd {
  const pipe = makePipe();
  opened.push(pipe.read);
  const sink = new Socket({ fd: pipe.write.release(), readable: false, writable: true });
  const cut = (): void => {
    from.unpipe(sink);
    sink.destroy();
  };
  // The plugin may close its input before the application does.
  sink.on('error', cut);
  ends.push(cut);
  from.pipe(sink);
  return pipe.read;
}

/** @returns the plugin's end of a pipe that flows into the stream @param ends takes what reads the rest of it, once the run has ended */
function drain(to: Writable & { readonly readableLength?: number }, opened: OwnedFd[], ends: End[]): OwnedFd {
  const pipe = makePipe();
  opened.push(pipe.write);
  let ended = false;
  // While nobody reads, the plugin waits at its full pipe. Many plugins may share the stream, so this adds no listener to it, as pipe() would.
  const source = new OutputPipe(pipe.read, (bytes) => {
    if (!ended) return new Promise((resolve) => to.write(bytes, () => resolve()));
    if (to.writableLength + (to.readableLength ?? 0) + bytes.length <= UNREAD_OUTPUT_BYTES) to.write(bytes);
    return undefined;
  });
  ends.push(() => {
    ended = true;
    return source.finish();
  });
  return pipe.write;
}
