// Where the control sockets of this user are, if nobody names another place. `up` listens there, and the commands of an operator look there. Both find the
// folder by the same environment. A user who can exchange a folder above it gains nothing: each end asks the kernel who is at the other.
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';

const OF_ROOT = '/run/postern';

/**
 * The folder for what lives as long as a session, or else, as in containers and under cron(8), su(1) and CI, the one for what a program keeps.
 *
 * @returns an absolute path; undefined where the environment names neither
 */
export function controlFolder(): string | undefined {
  const uid = process.geteuid?.();
  if (uid === 0) return OF_ROOT;
  const { XDG_RUNTIME_DIR: given = '', XDG_STATE_HOME: state = '', HOME: home = '' } = process.env;
  // A service may run without the variable, and its user has that folder all the same. After su(1) it may be another user's.
  const runtime = [given, `/run/user/${uid}`].find((folder) => isAbsolute(folder) && isOf(folder, uid));
  const kept = isAbsolute(state) ? state : isAbsolute(home) ? join(home, '.local/state') : undefined;
  const folder = runtime ?? kept;
  return folder === undefined ? undefined : join(folder, 'postern');
}

/**
 * Makes the folder if it lies in this user's home. Many a plugin may write there: a folder that exists is covered in its sandbox, and in the place of
 * one that does not the plugin could put its own.
 */
export function makeInHome(folder: string): void {
  const { HOME: home = '' } = process.env;
  if (!folder.startsWith(`${home}/`) || !existsSync(home)) return;
  try {
    // protects: G21 control: the folder of control sockets in a home is there before a plugin is
    mkdirSync(folder, { mode: 0o700, recursive: true });
  } catch {
    // The process that looks for it, or listens there, says why.
  }
}

function isOf(folder: string, uid: number | undefined): boolean {
  try {
    return statSync(folder).uid === uid;
  } catch {
    // It is not there, or lies in a folder that this user may not enter.
    return false;
  }
}

/** @param config the path of a configuration file @returns for example `postern.sock` */
export function controlName(config: string): string {
  return `${basename(config).replace(/\.ya?ml$/, '')}.sock`;
}

/**
 * What no plugin may see, write or make.
 *
 * @param own the paths of this supervisor's control socket, and of the socket of its live page, if it has them
 * @returns as the files and the searched places of own-files.ts
 */
export function controlPlaces(own: readonly string[]): {
  readonly files: readonly string[];
  readonly searched: readonly string[];
} {
  const folder = controlFolder();
  if (folder === undefined) return { files: own, searched: [] };
  makeInHome(folder);
  try {
    return {
      files: [folder, ...readdirSync(folder).map((name) => join(folder, name)), ...own],
      searched: [],
    };
  } catch {
    // A plugin that made the folder could put a socket there, which a command would take for postern's.
    return {
      files: own,
      searched: [/* protects: G21 control: no plugin makes the folder of control sockets */ folder],
    };
  }
}
