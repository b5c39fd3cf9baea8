// Finds the control socket of a running supervisor, and talks to it. Both ends check who is at the other.

import { existsSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_CONFIG } from '../../../shared/bundles.js';
import { PosternError } from '../../../shared/errors.js';
import { SOCKET_RETRY_MS } from '../../../shared/limits.js';
import { LineReader } from '../../../shared/line-reader.js';
import { quote } from '../../../shared/policy/quote.js';
import { namesIn } from '../../../shared/read-file.js';
import { errnoName } from '../../../shared/sys/libc.js';
import { receiveMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { connectToPath, receiveCredentials, unixSocket } from '../../../shared/sys/socket.js';
import { isPeerInPidNamespace, peerCredentials } from '../../../shared/sys/socket-state.js';
import { controlFolder, controlName } from '../../host/control-folder.js';
import { GREETING } from '../../supervisor/control/rpc.js';
import { configFile } from '../default-config.js';

/** An answer of the control socket as a command reads it. */
const MAX_CONTROL_ANSWER_BYTES = 64 * 1024 * 1024;
/** How long a command waits for room in the queue of the control socket, and for the first word from there. */
const CONTROL_CONNECT_MS = 30_000;

// A client of the control socket: JSON-RPC 2.0, one object a line. It trusts no byte of the other side: what it prints is escaped by its callers.

const { EACCES, EAGAIN, ECONNREFUSED, ENOENT } = constants.errno;

/** What a watch tells: a state, or an event and how many were left out before it. */
export interface News {
  readonly state?: unknown;
  readonly event?: unknown;
  readonly missed?: number;
}

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PosternError) => void;
  /** Of a `watch`: takes what comes from its answer on. */
  readonly onNews: ((news: News) => void) | undefined;
}

export class ControlClient {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, PendingCall>();
  readonly #watches = new Map<number, (news: News) => void>();
  #number = 0;
  #gone: PosternError | undefined;
  #end: () => void = () => {};
  /** Resolves when the supervisor has ended, or has closed the connection. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#end = resolve;
  });

  /** @param connection owned from here on */
  constructor(path: string, connection: OwnedFd) {
    this.#path = path;
    this.#socket = new Socket({ fd: connection.release(), readable: true, writable: true });
    const reader = new LineReader((line) => this.#take(line), MAX_CONTROL_ANSWER_BYTES);
    this.#socket.on('data', (chunk) => {
      if (!reader.push(chunk)) this.#lose('it sent a line that is too long');
    });
    this.#socket.on('error', ({ message }) => this.#lose(message));
    this.#socket.on('close', () => this.#lose('the connection ended'));
  }

  /** @throws PosternError with the code and the fix of the supervisor's refusal; `control_unreachable` */
  call(method: string, params: unknown): Promise<unknown> {
    return this.#ask(method, params, undefined);
  }

  async #ask(method: string, params: unknown, onNews: PendingCall['onNews']): Promise<unknown> {
    if (this.#gone !== undefined) throw this.#gone;
    this.#number += 1;
    const id = this.#number;
    const answer = new Promise<unknown>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject, onNews }),
    );
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return answer;
  }

  /** Reports what a method watches, until the connection ends. @returns the method's answer now @throws as {@link call} */
  async watch(
    method: string,
    params: unknown,
    intervalMs: number | undefined,
    onNews: (news: News) => void,
  ): Promise<unknown> {
    const interval = intervalMs === undefined ? {} : { interval_ms: intervalMs };
    return objectOf(await this.#ask('watch', { method, params, ...interval }, onNews))['now'];
  }

  /** Ends every watch. What each has still to report comes before. @throws as {@link call} */
  async unwatch(): Promise<void> {
    for (const watch of [...this.#watches.keys()]) {
      await this.call('unwatch', { watch });
      this.#watches.delete(watch);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    let read: Readonly<Record<string, unknown>>;
    try {
      read = objectOf(JSON.parse(line));
    } catch {
      this.#lose('it sent no JSON');
      return;
    }
    const { id, method, params, result, error } = read;
    if (method === 'watched') {
      const { watch, ...news } = objectOf(params);
      if (typeof watch === 'number') this.#watches.get(watch)?.(news as News);
      return;
    }
    // Not the answer to a request: a last word.
    if (id === null) {
      this.#lose(String(objectOf(error)['message']));
      return;
    }
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (waiting === undefined) return;
    this.#waiting.delete(id as number);
    const { watch } = objectOf(result);
    if (typeof watch === 'number' && waiting.onNews !== undefined) this.#watches.set(watch, waiting.onNews);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(refusalOf(objectOf(error)));
  }

  #lose(why: string): void {
    this.#gone ??= unreachable(this.#path, why, 'see what it says, and try again');
    this.#socket.destroy();
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    this.#waiting.clear();
    this.#end();
  }
}

/** @throws PosternError `control_unreachable` */
export async function connectControl({ path, isNamed }: FoundControl): Promise<ControlClient> {
  const socket = unixSocket('stream');
  if (typeof socket === 'number') throw unreachable(path, errnoName(-socket), undefined);
  receiveCredentials(socket.number);
  const end = performance.now() + CONTROL_CONNECT_MS;
  // While the queue of the socket is full, connect(2) of a non-blocking socket fails.
  const result = await retried(end, () => tryConnect(socket.number, path));
  if (result < 0) {
    socket.close();
    const [why, fix] = FAILURES[-result] ?? [errnoName(-result)];
    throw unreachable(path, why, fix);
  }
  const { uid } = peerCredentials(socket.number);
  const own = process.geteuid?.();
  // protects: G21 control: root asks the supervisor of a user only if it names the socket => const rootMay = own === 0;
  const rootMay = own === 0 && isNamed === true;
  if (uid !== own && uid !== 0 && !rootMay) {
    socket.close();
    throw unreachable(
      path,
      `uid ${uid} serves it, and not you`,
      own === 0 ? 'name the socket by --control if it is meant' : 'name another socket by --control',
    );
  }
  if (!(await isPostern(socket.number, end))) {
    socket.close();
    throw unreachable(
      path,
      'what answers there is no postern, or one of another pid namespace',
      'name another socket by --control, and run the command where postern runs',
    );
  }
  return new ControlClient(path, socket);
}

/**
 * Takes the greeting, and asks the kernel who has sent it. Who has called listen(2) says too little: for a plugin's listener a supervisor has, and the plugin
 * answers. For a socket of the plugin's own the broker has: it may have ended, and its pid may be another process's. So the process that listens must be the
 * one that answers, and run in this pid namespace, where no plugin runs.
 */
async function isPostern(socket: number, end: number): Promise<boolean> {
  const greeting = await retried(end, () => receiveMessage(socket, GREETING.length));
  if (typeof greeting === 'number') return false;
  for (const descriptor of greeting.descriptors) descriptor.close();
  return (
    /* protects: G21 control: a command sends nothing to a socket that is no postern's => true */ Buffer.from(
      greeting.payload,
    ).equals(Buffer.from(GREETING)) &&
    // protects: G21 control: a command asks nothing of a plugin that answers at its listener
    greeting.credentials?.pid === peerCredentials(socket).pid &&
    // protects: G21 control: a command asks no process of another pid namespace
    isPeerInPidNamespace(socket)
  );
}

/** Tries what does not wait until it succeeds, fails for another reason than EAGAIN, or until the time. */
async function retried<T>(end: number, attempt: () => T | number): Promise<T | number> {
  for (;;) {
    const result = attempt();
    if (result !== -EAGAIN || performance.now() >= end) return result;
    await sleep(SOCKET_RETRY_MS);
  }
}

const FAILURES: Readonly<Record<number, readonly [why: string, fix?: string]>> = {
  [ENOENT]: ['nothing is there', 'start "postern up", or name another socket by --control'],
  [ECONNREFUSED]: ['no postern listens there any more', 'start "postern up" again'],
  [EACCES]: ['it belongs to another user', 'ask as the user who started postern, or as root'],
};

function tryConnect(fd: number, path: string): number {
  try {
    return connectToPath(fd, path);
  } catch {
    return -constants.errno.ENAMETOOLONG;
  }
}

function refusalOf({ message, data }: Readonly<Record<string, unknown>>): PosternError {
  const { fix } = objectOf(data);
  return new PosternError('control_refused', String(message).split('\n'), {
    fix: typeof fix === 'string' ? fix : undefined,
  });
}

function unreachable(path: string, why: string, fix: string | undefined): PosternError {
  return new PosternError('control_unreachable', `Cannot ask postern at ${quote(path)}: ${why}`, { fix });
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

// Finds the control socket that a command talks to.

export interface ControlOptions {
  /** --control PATH */
  readonly control?: string;
  /** --config FILE */
  readonly config?: string;
}

interface FoundControl {
  readonly path: string;
  /** The configuration that the supervisor must run, so that no command reaches that of another project. Undefined: any. */
  readonly config?: string | undefined;
  /** Whether the user has named the path. A folder, or a file in it, may be a plugin's. */
  readonly isNamed?: true;
}

/** @throws PosternError `control_unreachable`; ConfigError for a file that is no YAML */
export async function findControl({ control, config }: ControlOptions): Promise<FoundControl> {
  if (control !== undefined) return { path: resolve(control), isNamed: true };
  const file = config === undefined && !existsSync(DEFAULT_CONFIG) ? undefined : configFile(config);
  const meant = file === undefined ? undefined : realOf(file);
  const written = file === undefined ? undefined : await writtenControl(file);
  if (written === 'off')
    throw noControl(`"${file}" says control: off`, 'write a path there, and start it again');
  if (written !== undefined) return { path: written, config: meant };
  const folder = controlFolder();
  if (folder === undefined)
    throw noControl(
      'No control socket: neither XDG_RUNTIME_DIR nor HOME is set',
      'set one, or name a socket by --control',
    );
  const usual = file === undefined ? undefined : join(folder, controlName(file));
  if (usual !== undefined && existsSync(usual)) return { path: usual, config: meant };
  return { path: onlySocket(folder), config: meant };
}

function onlySocket(folder: string): string {
  const names = namesIn(folder).filter((name) => name.endsWith('.sock') && !name.startsWith('.'));
  const [only] = names;
  if (only === undefined)
    throw noControl(
      `No postern runs here: "${folder}" has no control socket`,
      'start "postern up", or name a socket by --control',
    );
  if (names.length > 1)
    throw noControl(
      `There are several control sockets in "${folder}": ${names.join(', ')}`,
      'name one by --control, or its file by --config',
    );
  return join(folder, only);
}

/** Most files have no such key, and then need no parser. @returns an absolute path, or `off` */
async function writtenControl(file: string): Promise<string | undefined> {
  const { readConfigText } = await import('../../../shared/config/config-text.js');
  const text = readConfigText(file, 'name another file by --config, or a socket by --control');
  if (!/\bcontrol\b/.test(text)) return undefined;
  const { YamlSource } = await import('../../../shared/config/yaml-source.js');
  const [written] = new YamlSource(file, text).textsAt(['control']);
  if (written === undefined || written.text === 'off') return written?.text;
  return resolve(dirname(file), written.text);
}

function realOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

function noControl(message: string, fix: string): PosternError {
  return new PosternError('control_unreachable', message, { fix });
}
