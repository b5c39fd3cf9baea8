// Has a process of postern's own make HTTP requests to one server (sandbox/requester/). The supervisor makes no connection and parses no answer of a server:
// the process is confined as a plugin with egress `channel`, and the broker connects it by the rules that it has, those of its server. It starts with the
// first request, and goes on until close(). What takes too long or says too much ends it. Runs in the supervisor.
import { bundlePath } from '../../../shared/bundles.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';
import type { ServerPlace } from '../../../shared/config/server-place.js';
import type { ViaConfig } from '../../../shared/config/via-config.js';
import { messageOf } from '../../../shared/errors.js';
import { nodeFlags } from '../../../shared/node-flags.js';
import { count, fields, NONE, orMissing, parsed, text } from '../../../shared/protocol/shape.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe, type Pipe } from '../../../shared/sys/pipe.js';
import { ownCodePaths } from '../../host/own-code.js';
import {
  type AnswerHeader,
  PART_BYTES,
  type RequesterSettings,
  type ServerRequest,
} from '../../requester/messages.js';
import { Output } from '../output/output.js';
import type { Sandbox } from '../start/sandbox.js';
import { captureStreams, type StandardStreams } from '../start/standard-streams.js';

const MEMORY_MIB = 1024;
/** What waits for the process to read it: one request, and the settings. */
const INPUT_BYTES = 8 * 1024 * 1024;
const MOST_PROBLEM = 500;
const MOST_HEADER = 500;
const NO_ANSWER = 'the process that makes the request gave no answer';

export type ServerAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: { readonly [H in AnswerHeader]?: string | undefined };
      readonly body: Buffer;
    }
  /** No whole answer has come. */
  | { readonly kind: 'none'; readonly problem: string };

/** Starts a program of postern's own, confined as a plugin. */
export type StartOwn = (config: PluginConfig, streams: () => StandardStreams) => Promise<Sandbox>;

/**
 * What the process is to the broker, which keeps it as long as this object.
 *
 * @param name has a dot, which no name of a configuration has
 * @param addresses rules for special addresses that the host of the server may have
 */
export function requesterConfig(
  name: string,
  { host, port }: ServerPlace,
  addresses: readonly string[],
  via: ViaConfig | undefined,
): PluginConfig {
  return {
    ...plainPlugin(name, [process.execPath, ...nodeFlags(), bundlePath('requester')]),
    visible: ownCodePaths(),
    egress: 'channel',
    // protects: G24 requests: the process reaches its server alone => allow: ['0.0.0.0/0:1-65535', '*:1-65535', '@private:1-65535']
    allow: [host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, ...addresses],
    via,
    limits: limitsOf({ memory_mib: MEMORY_MIB }),
  };
}

export class Requester {
  readonly #start: StartOwn;
  readonly #config: PluginConfig;
  readonly #settings: RequesterSettings;
  readonly #onDeath: () => void;
  #process: RequesterProcess | undefined;

  /** @param onDeath called when the process has ended by itself. The next request starts another one */
  constructor(
    start: StartOwn,
    config: PluginConfig,
    settings: RequesterSettings,
    onDeath: () => void = () => {},
  ) {
    this.#start = start;
    this.#config = config;
    this.#settings = settings;
    this.#onDeath = onDeath;
  }

  /**
   * It never throws: a request that fails is an ordinary event.
   *
   * @param request the next one is made when this has been answered
   * @param timeoutMs how long it may take, with the start of the process
   */
  async send(request: ServerRequest, timeoutMs: number): Promise<ServerAnswer> {
    const process = this.#process ?? this.#begin();
    // protects: G24 requests: a slow server is given up => const timer = setTimeout(() => {}, 0);
    const timer = setTimeout(() => process.end(`the server took more than ${timeoutMs / 1000} s`), timeoutMs);
    const answer = await process.ask(request);
    clearTimeout(timer);
    return answer;
  }

  /** Ends the process. A request that is under way has no answer. Resolves when it is gone. */
  async close(): Promise<void> {
    const process = this.#process;
    process?.end('it is not made any more');
    await process?.ended;
  }

  #begin(): RequesterProcess {
    this.#process = new RequesterProcess(this.#start, this.#config, this.#settings, (isDeath) => {
      this.#process = undefined;
      if (isDeath) this.#onDeath();
    });
    return this.#process;
  }
}

interface Asked {
  readonly request: ServerRequest;
  readonly onAnswer: (answer: ServerAnswer) => void;
  readonly parts: Buffer[];
  length: number;
}

class RequesterProcess {
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  #sandbox: Sandbox | undefined;
  /** Undefined until its streams are made. */
  #input: Output | undefined;
  #asked: Asked | undefined;
  #problem: string | undefined;
  #drained: StandardStreams['drained'] = async () => [];

  /** @param onEnd called when it is gone, with whether nobody here ended it */
  constructor(
    start: StartOwn,
    config: PluginConfig,
    settings: RequesterSettings,
    onEnd: (isDeath: boolean) => void,
  ) {
    this.ended = this.#live(start, config, settings).then((isDeath) => {
      onEnd(isDeath);
      // Not earlier: the next request has another process.
      this.#give({ kind: 'none', problem: this.#problem ?? 'the process that makes the request has ended' });
    });
  }

  ask(request: ServerRequest): Promise<ServerAnswer> {
    return new Promise((onAnswer) => {
      this.#asked = { request, onAnswer, parts: [], length: 0 };
      this.#write(request);
    });
  }

  /** @param why what a request that is under way is told */
  end(why: string): void {
    this.#problem ??= why;
    this.#sandbox?.kill();
  }

  /** @returns whether nobody here ended it */
  async #live(start: StartOwn, config: PluginConfig, settings: RequesterSettings): Promise<boolean> {
    let hasStarted = false;
    try {
      this.#sandbox = await start(config, () => this.#streams(settings));
      hasStarted = true;
      if (this.#problem !== undefined) this.#sandbox.kill();
      await this.#sandbox.ended;
      await this.#drained();
    } catch (error) {
      // Whatever it is, as a lack of descriptors: a request that fails is an ordinary event.
      this.#problem ??= messageOf(error);
    } finally {
      this.#input?.close();
    }
    return hasStarted && this.#problem === undefined;
  }

  #streams(settings: RequesterSettings): StandardStreams {
    const captured = captureStreams((stream, line) => {
      if (stream === 'stdout') this.#take(line);
      return undefined;
    });
    this.#drained = captured.drained;
    const [nothing, ...outputs] = captured.descriptors;
    nothing?.close();
    const { read, write } = pipeBeside(outputs);
    this.#input = new Output({ descriptor: write, kind: 'now' }, INPUT_BYTES);
    this.#write(settings);
    if (this.#asked !== undefined) this.#write(this.#asked.request);
    return { ...captured, descriptors: [read, ...outputs] };
  }

  #write(line: RequesterSettings | ServerRequest): void {
    this.#input?.write(`${JSON.stringify(line)}\n`);
  }

  #give(answer: ServerAnswer): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.onAnswer(answer);
  }

  /** The process may have been taken over. */
  #take(line: string): void {
    const asked = this.#asked;
    const said = parsed(line, SAID);
    if (said === NONE || asked === undefined) {
      // protects: G24 requests: what is no answer ends the process
      this.end(NO_ANSWER);
      return;
    }
    const { part, status, headers, problem } = said;
    if (part !== undefined) this.#takePart(asked, Buffer.from(part, 'base64'));
    else if (problem !== undefined) this.#give({ kind: 'none', problem });
    else if (status !== undefined)
      this.#give({ kind: 'answer', status, headers: headers ?? {}, body: Buffer.concat(asked.parts) });
    else this.end(NO_ANSWER);
  }

  #takePart(asked: Asked, part: Buffer): void {
    asked.length += part.length;
    // protects: G24 requests: the process cannot fill the memory => asked.parts.push(part);
    if (asked.length > asked.request.mostBytes) this.end('it says too much');
    else asked.parts.push(part);
  }
}

/** @throws SystemError if there is none: then the others are closed */
function pipeBeside(others: readonly OwnedFd[]): Pipe {
  try {
    return makePipe({ nonBlocking: true });
  } catch (error) {
    for (const other of others) other.close();
    throw error;
  }
}

const header = orMissing(text(MOST_HEADER));
const SAID = fields({
  part: orMissing(text(Math.ceil(PART_BYTES / 3) * 4)),
  status: orMissing(count(999)),
  headers: orMissing(fields({ 'content-encoding': header, etag: header, 'retry-after': header })),
  problem: orMissing(text(MOST_PROBLEM)),
});
