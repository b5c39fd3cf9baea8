// Where the control sockets of this user are, if nobody names another place. `up` listens there, and the commands of an operator look there.
import { existsSync, readdirSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';

const OF_ROOT = '/run/postern';

/** @returns an absolute path; undefined where this user has no folder for sockets, as without a session of systemd */
export function controlFolder(): string | undefined {
  const uid = process.geteuid?.();
  if (uid === 0) return OF_ROOT;
  const given = process.env['XDG_RUNTIME_DIR'] ?? '';
  if (isAbsolute(given)) return join(given, 'postern');
  // A service or cron(8) may run without the variable, and its user has that folder all the same.
  const usual = `/run/user/${uid}`;
  return existsSync(usual) ? join(usual, 'postern') : undefined;
}

/** @param config the path of a configuration file @returns for example `postern.sock` */
export function controlName(config: string): string {
  return `${basename(config).replace(/\.ya?ml$/, '')}.sock`;
}

/**
 * What no plugin may see, write or make.
 *
 * @param control the path of this supervisor's control socket, if it has one
 * @returns as the files and the searched places of own-files.ts
 */
export function controlPlaces(control: string | undefined): {
  readonly files: readonly string[];
  readonly searched: readonly string[];
} {
  const folder = controlFolder();
  const own = control === undefined ? [] : [control];
  if (folder === undefined) return { files: own, searched: [] };
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
