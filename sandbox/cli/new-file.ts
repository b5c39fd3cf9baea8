// An output file that is written at the end and must not exist before. Checked at the start, so that no run is lost.
import { accessSync, constants, lstatSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PosternError } from '../../shared/errors.js';
import { quote } from '../../shared/policy/quote.js';

export class NewFile {
  readonly #path: string;

  /** @throws PosternError `output_file` where the path exists, or its folder cannot be written */
  constructor(path: string) {
    this.#path = path;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      throw new PosternError('output_file', `${quote(path)} exists already`, {
        fix: 'name another file, or remove it',
      });
    try {
      accessSync(dirname(path), constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** @throws PosternError `output_file` */
  write(text: string): void {
    try {
      writeFileSync(this.#path, text, { flag: 'wx' });
    } catch (cause) {
      throw cannotWrite(this.#path, cause);
    }
  }
}

function cannotWrite(path: string, cause: unknown): PosternError {
  return new PosternError('output_file', `Cannot write ${quote(path)}`, {
    fix: 'name a file in a folder that exists and that you may write',
    cause,
  });
}
