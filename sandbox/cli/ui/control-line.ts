// The connections of the live page to the control socket: one for what it asks, made again after postern was started anew, and one for what it watches.
import { PosternError } from '../../../shared/errors.js';
import type { ControlClient } from '../control/control-client.js';

export class ControlLine {
  readonly #open: () => Promise<ControlClient>;
  #client: Promise<ControlClient> | undefined;

  /** @param open finds the running postern, and connects to it */
  constructor(open: () => Promise<ControlClient>) {
    this.#open = open;
  }

  /** A connection that the caller closes. @throws PosternError `control_unreachable` */
  own(): Promise<ControlClient> {
    return this.#open();
  }

  /** @throws PosternError `control_unreachable`, `control_refused` */
  async call(method: string, params: unknown): Promise<unknown> {
    const client = this.#client;
    try {
      return await (await this.#connected()).call(method, params);
    } catch (error) {
      // An idle client may have made room for another one, so the first failure of a known connection says nothing.
      const isLost = error instanceof PosternError && error.code === 'control_unreachable';
      if (!isLost || client === undefined) throw error;
      return (await this.#connected()).call(method, params);
    }
  }

  #connected(): Promise<ControlClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  async #connect(): Promise<ControlClient> {
    try {
      const client = await this.#open();
      void client.ended.then(() => {
        this.#client = undefined;
      });
      return client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }
}
