// node mutate.js DIST WANTED: changes a compiled tree. See mutant-dist.ts.
import { fileURLToPath } from 'node:url';
import { findChanges } from './find-changes.js';
import { mutateDist } from './mutate-dist.js';

const [, , dist = '', wanted = ''] = process.argv;
/** Where the sources are, beside dist. */
const top = fileURLToPath(new URL('../../..', import.meta.url));

mutateDist(top, dist, findChanges(top, JSON.parse(wanted)));
