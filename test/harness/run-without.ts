// `postern run` with protections left out, for tests that prove each of them to be needed. Not part of the package.
import { runCommand } from '../../sandbox/cli/run.js';

const [, , names = '', word, ...args] = process.argv;
if (word !== 'run') throw new Error('Only run can be run without protections');
await runCommand(names.split(',')).parseAsync(args, { from: 'user' });
