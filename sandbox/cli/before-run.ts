// The first part of `run`. It has the broker load while this process loads the rest of the command.
import { createRequire } from 'node:module';
import { bundlePath } from '../../shared/bundles.js';
import { forkEarly } from '../supervisor/fork-early.js';
import type * as Main from './main-run.js';

const words = process.argv.slice(3);
const own = words.slice(0, words.includes('--') ? words.indexOf('--') : words.length);
const helps = own.some((word) => word === '--help' || word === '-h');
const early = helps ? undefined : forkEarly();
const { main } = createRequire(import.meta.url)(bundlePath('main-run')) as typeof Main;
main(early);
