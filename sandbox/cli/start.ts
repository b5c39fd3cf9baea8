// The first program of the command: what must be done before the command's modules are loaded. From Node 24 on, loading node:util touches
// process.stderr, which makes a pipe that the plugin shares non-blocking.
import '../../shared/refuse-debugger.js';
import './require-node.js';
import { bundlePath } from '../../shared/own-files.js';
import { takeOwnStreams } from './own-streams.js';

// The lines of `up` are those of its plugins, and nobody who reads them slowly may hold it up: it keeps Node's own streams.
if (process.argv[2] !== 'up') takeOwnStreams();
await import(bundlePath('postern-main'));
