// Keeps the present input in a file, so that it outlives a process that hangs or crashes on it.
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';

const HEADER_BYTES = 8;

export class CurrentInput {
  readonly #fd: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #count = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'w', 0o600);
  }

  write(bytes: Uint8Array): void {
    this.#count = (this.#count + 1) >>> 0;
    this.#header.writeUInt32LE(this.#count, 0);
    this.#header.writeUInt32LE(bytes.length, 4);
    writeSync(this.#fd, Buffer.concat([this.#header, bytes]), 0, HEADER_BYTES + bytes.length, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The count says whether it is still the same input. */
export function readCurrent(
  path: string,
): { readonly count: number; readonly bytes: Uint8Array } | undefined {
  // A process that is still starting has not made the file.
  if (!existsSync(path)) return undefined;
  const raw = readFileSync(path);
  if (raw.length < HEADER_BYTES) return undefined;
  const length = raw.readUInt32LE(4);
  return {
    count: raw.readUInt32LE(0),
    bytes: new Uint8Array(raw.subarray(HEADER_BYTES, HEADER_BYTES + length)),
  };
}
