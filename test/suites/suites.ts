// The suites that this command knows.
import { cpython } from './cpython.js';
import { go } from './go.js';
import type { Suite } from './suite.js';

export const SUITES: readonly Suite[] = [cpython, go];
