// Bundles each program of postern with the packages that it imports into one file. A plugin's start starts four processes and two threads,
// and Node reads one file in a third of the time of hundreds. Native packages stay packages.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { UNBINDABLE_DEBUGGER } from '../shared/node-flags.js';
import type { Bundle } from '../shared/own-files.js';
import { thirdPartyLicences } from './third-party-licences.js';

/** The first module of each program, below dist. */
const PROGRAMS: Readonly<Record<Bundle, string>> = {
  postern: 'sandbox/cli/start',
  'postern-main': 'sandbox/cli/main',
  broker: 'broker/before-broker',
  'broker-main': 'broker/main',
  'stall-watchdog': 'broker/stall/stall-watchdog',
  'slow-lane-thread': 'broker/stall/slow-lane-thread',
  launcher: 'sandbox/launch/main',
  init: 'sandbox/launch/init',
  'trial-plugin': 'sandbox/doctor/trial-plugin',
  'seccomp-profile': 'deploy/container/seccomp-profile',
};
/** CommonJS packages load the modules of Node by require. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module';
const require = requireOf(import.meta.url);`;

/** @param dist the folder of the compiled modules. The bundles go there too, with the licences of their packages */
export function bundle(dist: string): void {
  const entries = Object.entries(PROGRAMS).map(([name, module]) => [
    `run/${name}`,
    join(dist, `${module}.js`),
  ]);
  const { metafile } = buildSync({
    entryPoints: {
      ...Object.fromEntries(entries),
      // Equally deep, see own-files.ts.
      'test/run-without': join(dist, 'test/harness/run-without.js'),
    },
    outdir: dist,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['koffi'],
    banner: { js: REQUIRE },
    logLevel: 'warning',
    metafile: true,
  });
  writeFileSync(join(dist, 'run/LICENCES.txt'), thirdPartyLicences(Object.keys(metafile.inputs)));
  removeOthers(join(dist, 'run'), [...Object.keys(PROGRAMS).map((name) => `${name}.js`), 'LICENCES.txt']);
  const command = join(dist, 'run/postern.js');
  writeFileSync(command, `${shellPart(dist)}${readFileSync(command, 'utf8')}`);
  chmodSync(command, 0o755);
}

/** The file is both a shell script and a module, so that Node finds the module even if the command is a link. */
function shellPart(dist: string): string {
  const script = readFileSync(join(dist, 'deploy/command.sh'), 'utf8');
  return script.replace('@NODE_FLAGS@', () => `'${UNBINDABLE_DEBUGGER}'`);
}

/** Removes the bundles of former programs, which would be packed too. */
function removeOthers(folder: string, names: readonly string[]): void {
  for (const name of readdirSync(folder)) if (!names.includes(name)) rmSync(join(folder, name));
}
