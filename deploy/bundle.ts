// Makes dist/run: the bundle of each program of postern, the licences of the packages in them, and the command.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UNBINDABLE_DEBUGGER } from '../shared/node-flags.js';
import { BUNDLES, bundlePrograms } from './bundle-programs.js';
import { thirdPartyLicences } from './third-party-licences.js';

/** @param dist the folder of the compiled modules. The bundles go there too, with the licences of their packages */
export function bundle(dist: string): void {
  const { modules, files } = bundlePrograms(dist, BUNDLES);
  writeFileSync(join(dist, 'run/LICENCES.txt'), thirdPartyLicences(modules));
  removeOthers(join(dist, 'run'), [...files, 'LICENCES.txt']);
  const command = join(dist, 'run/postern.js');
  writeFileSync(command, `${shellPart(dist)}${readFileSync(command, 'utf8')}`);
  chmodSync(command, 0o755);
}

/** The file is both a shell script and a module, so that Node finds the module even if the command is a link. */
function shellPart(dist: string): string {
  const script = readFileSync(join(dist, 'deploy/command.sh'), 'utf8');
  return script.replace('@NODE_FLAGS@', () => `'${UNBINDABLE_DEBUGGER}'`);
}

/** Removes the files of former builds, which would be packed too. */
function removeOthers(folder: string, names: readonly string[]): void {
  for (const name of readdirSync(folder)) if (!names.includes(name)) rmSync(join(folder, name));
}
