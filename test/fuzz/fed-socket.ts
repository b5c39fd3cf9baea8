// A socket without a connection. The test feeds it data in parts of any length, so that lines and characters are cut anywhere.
import { Socket } from 'node:net';

export class FedSocket extends Socket {
  override _read(): void {}

  /** Resolves when all data has been taken. */
  async feed(bytes: Uint8Array, partBytes: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += partBytes) this.push(bytes.subarray(at, at + partBytes));
    await new Promise((resolve) => setImmediate(resolve));
    this.destroy();
  }
}
