// A plugin as an application holds it: its streams, its events, its rules and its end.

import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { OpenConnections } from '../../shared/protocol/open-connections.js';
import type { ExitCause } from '../../shared/words.js';
import type { PluginEnd } from '../supervisor/start/sandbox.js';
import { LastingStreams } from './plugin-streams.js';
import type {
  Plugin,
  PluginEvents,
  PluginExit,
  PluginSettings,
  PluginStreams,
  PolicySettings,
} from './types.js';

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** What carries out the wishes of the application. */
export interface PluginOwner {
  readonly pidOf: (plugin: KeptPlugin) => number | undefined;
  readonly connections: (plugin: KeptPlugin) => Promise<OpenConnections>;
  readonly setPolicy: (plugin: KeptPlugin, policy: PolicySettings) => Promise<void>;
  readonly stop: (plugin: KeptPlugin) => Promise<void>;
  readonly restart: (plugin: KeptPlugin) => Promise<void>;
}

export class KeptPlugin extends EventEmitter<PluginEvents> implements Plugin {
  readonly name: string;
  readonly exited: Promise<PluginExit>;
  readonly #owner: PluginOwner;
  readonly #streams: LastingStreams;
  #end: (exit: PluginExit) => void = () => {};
  #last: PluginExit = { code: null, signal: null, cause: 'operator' };

  constructor(settings: PluginSettings, owner: PluginOwner) {
    super();
    this.name = settings.name;
    this.#owner = owner;
    this.#streams = new LastingStreams(settings.stdio);
    this.exited = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get stdin(): PluginStreams['stdin'] {
    return this.#streams.stdin;
  }

  get stdout(): PluginStreams['stdout'] {
    return this.#streams.stdout;
  }

  get stderr(): PluginStreams['stderr'] {
    return this.#streams.stderr;
  }

  get pid(): number | undefined {
    return this.#owner.pidOf(this);
  }

  setPolicy(policy: PolicySettings): Promise<void> {
    return this.#owner.setPolicy(this, policy);
  }

  connections(): Promise<OpenConnections> {
    return this.#owner.connections(this);
  }

  stop(): Promise<void> {
    return this.#owner.stop(this);
  }

  restart(): Promise<void> {
    return this.#owner.restart(this);
  }

  /** What each run gets its pipes from. */
  get streams(): LastingStreams {
    return this.#streams;
  }

  /** An audit event about it. */
  tell(event: AuditEvent): void {
    if (event.event === 'decision') {
      callApart(() => this.emit('decision', event));
      if (event.outcome === 'connected') callApart(() => this.emit('connection', event));
    }
    if (event.event === 'closed') callApart(() => this.emit('closed', event));
    const isAgain = event.event === 'question' && event.repeated;
    if ('decision' in event && event.event !== 'explain' && event.decision === 'deny' && !isAgain)
      callApart(() => this.emit('denied', event));
  }

  /** A run has ended. */
  ranOut(end: PluginEnd, cause: ExitCause): void {
    this.#last =
      end.kind === 'exited'
        ? { code: end.status, signal: null, cause }
        : { code: null, signal: (SIGNAL_NAMES.get(end.signal) ?? null) as NodeJS.Signals | null, cause };
    const exit = this.#last;
    callApart(() => this.emit('exit', exit));
  }

  /** It does not start again. */
  finish(): void {
    this.#streams.end();
    this.#end(this.#last);
  }
}

// Calls functions of the application. What one throws is an error of the application: Node reports it as uncaught, and the code of postern that called
// goes on.

export function callApart(work: () => void): void {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
