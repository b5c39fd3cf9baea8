// The first module of the command. It takes the standard streams before it loads the other modules: from Node 24 on, loading
// node:util touches process.stderr, and makes a pipe that the plugin shares non-blocking.
import '../../shared/refuse-debugger.js';
import './require-node.js';
import { createRequire } from 'node:module';
import { bundlePath } from '../../shared/own-files.js';
import { chooseProgram } from './choose-program.js';
import { takeOwnStreams } from './own-streams.js';

takeOwnStreams();
createRequire(import.meta.url)(bundlePath(chooseProgram(process.argv.slice(2))));
