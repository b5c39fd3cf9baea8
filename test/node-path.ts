// Prints the path of a Node by its major version, which is installed where it is not there: PATH=$(dirname "$(node dist/test/node-path.js 24)"):$PATH
import { nodeOf } from './harness/nodes.js';

const major = Number(process.argv[2]);
if (!Number.isInteger(major) || major < 20) {
  console.error('Name a major version of Node, 20 or newer');
  process.exit(2);
}
console.log(nodeOf(major));
