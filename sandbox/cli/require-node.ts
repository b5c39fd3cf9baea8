// Refuses a Node that is too old, before anything of the command's runs. Imported for that alone, and first.
const LEAST_NODE = 20;
const POSTERN_FAILED = 125;

if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  process.stderr.write(
    `postern: Node ${process.versions.node} (${process.execPath}) is too old; install Node ${LEAST_NODE} or newer\n`,
  );
  process.exit(POSTERN_FAILED);
}
