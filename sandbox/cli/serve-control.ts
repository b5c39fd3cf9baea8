// The control socket of `up` and `run`, from its place to its end. It is there before any plugin is, so that it can be hidden from all of them.
import { join } from 'node:path';
import { PosternError } from '../../shared/errors.js';
import { controlFolder, controlName } from '../host/control-folder.js';
import { ControlServer } from '../supervisor/control/control-server.js';
import { ControlSocket } from '../supervisor/control/control-socket.js';
import type { ControlTarget } from '../supervisor/control/control-target.js';
import { say } from './say.js';

export class ServedControl {
  readonly #socket: ControlSocket | undefined;
  #server: ControlServer | undefined;

  /** @throws PosternError `control_socket` */
  constructor(place: ControlPlace | undefined) {
    this.#socket = place === undefined ? undefined : openSocket(place);
  }

  /** The path of the socket; undefined without one. */
  get path(): string | undefined {
    return this.#socket?.path;
  }

  serve(target: ControlTarget): void {
    if (this.#socket !== undefined) this.#server = new ControlServer(this.#socket, target);
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#socket?.close();
  }
}

export interface ControlPlace {
  readonly path: string;
  /** Nobody named it. If it cannot be had, for example since another project has it, the start goes on without. */
  readonly isDefault: boolean;
}

/** @param named an absolute path or `off` @param config the path of the configuration */
export function controlPlace(named: string | undefined, config: string): ControlPlace | undefined {
  if (named === 'off') return undefined;
  if (named !== undefined) return { path: named, isDefault: false };
  const folder = controlFolder();
  if (folder !== undefined) return { path: join(folder, controlName(config)), isDefault: true };
  say('no control socket: XDG_RUNTIME_DIR is not set; name a path by control: to have one');
  return undefined;
}

function openSocket({ path, isDefault }: ControlPlace): ControlSocket | undefined {
  try {
    return new ControlSocket(path, isDefault);
  } catch (error) {
    if (!isDefault || !(error instanceof PosternError)) throw error;
    say(`no control socket: ${error.message}; name another path by control: to have one`);
    return undefined;
  }
}
