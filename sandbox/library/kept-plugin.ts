// A plugin as an application holds it: its streams, its events, its rules and its end.

import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { OpenConnections } from '../../shared/protocol/open-connections.js';
import type { ExitCause } from '../../shared/words.js';
import type { PluginEnd } from '../supervisor/start/sandbox.js';
import { addListeners, eventsOf, tell } from './plugin-events.js';
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
  /** Tells an event of the plugin to those who listen to all plugins. */
  readonly tell: (event: keyof PluginEvents, argument: unknown, plugin: KeptPlugin) => void;
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
    addListeners(this, settings.on ?? {});
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
    for (const [name, argument] of eventsOf(event)) this.#tell(name, argument);
  }

  /** A run has ended. */
  ranOut(end: PluginEnd, cause: ExitCause): void {
    this.#last =
      end.kind === 'exited'
        ? { code: end.status, signal: null, cause }
        : { code: null, signal: (SIGNAL_NAMES.get(end.signal) ?? null) as NodeJS.Signals | null, cause };
    this.#tell('exit', this.#last);
  }

  /** It does not start again. */
  finish(): void {
    this.#streams.end();
    this.#end(this.#last);
  }

  #tell(event: keyof PluginEvents, argument: unknown): void {
    tell(this, event, argument);
    this.#owner.tell(event, argument, this);
  }
}
