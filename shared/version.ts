// The version of this package, from package.json.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIST } from './own-files.js';

export const VERSION: string = (
  JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8')) as { version: string }
).version;
