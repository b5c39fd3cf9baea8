// Reads a configuration file as text: a regular file, bounded, in UTF-8. Runs in the supervisor.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { readAtMost } from '../read-at-most.js';
import { ConfigError } from './config-problem.js';

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * @param fix what to do if the file does not exist
 * @throws PosternError `bad_config` if the file is missing, no regular file, larger than 4 MiB or not UTF-8
 */
export function readConfigText(path: string, fix: string): string {
  const problem = (message: string, suggestion?: string): Error =>
    new ConfigError([{ file: path, key: '', message, ...(suggestion !== undefined && { suggestion }) }]);
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw problem(`cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}`, fix);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw problem('is not a regular file');
    const bytes = stats.size > MAX_CONFIG_BYTES ? undefined : readAtMost(fd, MAX_CONFIG_BYTES);
    if (bytes === undefined) throw problem('is larger than 4 MiB');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw problem(code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read: ${code}`);
  } finally {
    closeSync(fd);
  }
}
