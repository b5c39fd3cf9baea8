// Reads a configuration file as text: a regular file, bounded, in UTF-8. Runs in the supervisor.
import { readTextFile } from '../read-file.js';
import { ConfigError } from './config-problem.js';

export const MAX_CONFIG_MIB = 4;

/**
 * @param fix what to do if the file cannot be opened
 * @throws PosternError `bad_config` if the file is missing, no regular file, larger than 4 MiB or not UTF-8
 */
export function readConfigText(path: string, fix: string): string {
  const read = readTextFile(path, MAX_CONFIG_MIB);
  if ('text' in read) return read.text;
  const suggestion = read.opened ? {} : { suggestion: fix };
  throw new ConfigError([{ file: path, key: '', message: read.problem, ...suggestion }]);
}
