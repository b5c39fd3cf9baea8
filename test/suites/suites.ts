// The suites that this command knows.
import { cpython } from './cpython.js';
import { go } from './go.js';
import { memcached } from './memcached.js';
import { perl } from './perl.js';
import { ruby } from './ruby.js';
import type { Suite } from './suite.js';

export const SUITES: readonly Suite[] = [cpython, go, ruby, perl, memcached];
