// An output file that is written at the end and must not exist before. Checked at the start, so that no run is lost. The program may exchange
// the folders of the path meanwhile, so the file goes to the folder that was there at the start.
import { accessSync, constants, lstatSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { PosternError } from '../../shared/errors.js';
import { quote } from '../../shared/policy/quote.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

export class NewFile {
  readonly #path: string;
  readonly #folder: OwnedFd;

  /** @throws PosternError `output_file` where the path exists or leads through a link, or its folder cannot be written */
  constructor(path: string) {
    this.#path = path;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      throw new PosternError('output_file', `${quote(path)} exists already`, {
        fix: 'name another file, or remove it',
      });
    try {
      this.#folder = openFolder(dirname(resolve(path)));
      accessSync(`/proc/self/fd/${this.#folder.number}`, constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** @throws PosternError `output_file` */
  write(text: string): void {
    try {
      // With O_EXCL, open(2) follows no link in the name's place.
      writeFileSync(
        /* protects: G14 learn: its output follows no link of the program's => this.#path */ `/proc/self/fd/${this.#folder.number}/${basename(this.#path)}`,
        text,
        { flag: 'wx' },
      );
    } catch (cause) {
      throw cannotWrite(this.#path, cause);
    } finally {
      this.#folder.close();
    }
  }
}

function cannotWrite(path: string, cause: unknown): PosternError {
  return new PosternError('output_file', `Cannot write ${quote(path)}`, {
    fix: 'name a file in a folder that exists, that you may write, and whose path leads through no link',
    cause,
  });
}
