// Refuses a Node that is too old. Imported first, before any other code of the command runs.
const LEAST_NODE = 20;
const POSTERN_FAILED = 125;

if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  process.stderr.write(
    `postern: Node ${process.versions.node} (${process.execPath}) is too old; install Node ${LEAST_NODE} or newer\n`,
  );
  process.exit(POSTERN_FAILED);
}
