// The first module of the command. It takes the standard streams before it loads the other modules: from Node 24 on, loading
// node:util touches process.stderr, and makes a pipe that the plugin shares non-blocking.
import '../../shared/refuse-debugger.js';
import './require-node.js';
import { createRequire } from 'node:module';
import type * as V8 from 'node:v8';
import { bundlePath } from '../../shared/bundles.js';
import { COLLECTS_ALONE, SMALL_YOUNG_HEAP } from '../../shared/node-flags.js';
import { chooseProgram } from './choose-program.js';
import { takeOwnStreams } from './own-streams.js';

// A SIGHUP would end this process until up.ts takes it. The file is read after that, so there is nothing to do yet.
if (process.argv[2] === 'up') process.on('SIGHUP', () => {});
takeOwnStreams();
const load = createRequire(import.meta.url);
// Before the large program fills the heap.
const { setFlagsFromString } = load('node:v8') as typeof V8;
setFlagsFromString(SMALL_YOUNG_HEAP);
setFlagsFromString(COLLECTS_ALONE);
load(bundlePath(chooseProgram(process.argv.slice(2))));
