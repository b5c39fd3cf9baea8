// The first import of a run: a Node that cannot run the tests says so before anything else happens.
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  engines: { node: string };
};
const LEAST = Number(/\d+/.exec(engines.node)?.[0]);
/** What a run gives to Node beside the test file. */
const OPTION = '--test-reporter';

if (Number.parseInt(process.versions.node, 10) < LEAST || !process.allowedNodeEnvironmentFlags.has(OPTION)) {
  console.error(
    `Cannot run tests: Node ${process.versions.node} is too old; they need Node ${LEAST} or later, with ${OPTION}`,
  );
  process.exit(2);
}
