// node mutate.js DIST WANTED: changes a compiled tree. See mutant-dist.ts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChanges } from './find-changes.js';
import { MUTANT, mutateDist } from './mutate-dist.js';

const [, , dist = '', wanted = ''] = process.argv;
/** Where the sources are, beside dist. */
const top = fileURLToPath(new URL('../../..', import.meta.url));
/** A tree that is a mutant itself, as npm run prove makes it, stays one. */
const former = join(top, MUTANT);
const before = existsSync(former) ? JSON.parse(readFileSync(former, 'utf8')) : [];

mutateDist(top, dist, findChanges(top, [...before, ...JSON.parse(wanted)]));
