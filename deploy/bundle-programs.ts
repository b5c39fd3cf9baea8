// Bundles programs of postern with the packages that they import into one file each. A plugin's start starts four processes and two
// threads, and Node reads one file in a third of the time of hundreds. Native packages stay packages.
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Bundle } from '../shared/own-files.js';

/** The first module of each program, below dist. */
const PROGRAMS: Readonly<Record<Bundle, string>> = {
  postern: 'sandbox/cli/start',
  'postern-main': 'sandbox/cli/main',
  broker: 'broker/before-broker',
  'broker-main': 'broker/main',
  'stall-watchdog': 'broker/stall/stall-watchdog',
  'slow-lane-thread': 'broker/stall/slow-lane-thread',
  'connect-thread': 'sandbox/supervisor/orders/connect-thread',
  launcher: 'sandbox/launch/main',
  init: 'sandbox/launch/init',
  'trial-plugin': 'sandbox/doctor/trial-plugin',
  'seccomp-profile': 'deploy/container/seccomp-profile',
};
/** CommonJS packages load the modules of Node by require. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module';
const require = requireOf(import.meta.url);`;

export const BUNDLES: readonly Bundle[] = Object.keys(PROGRAMS) as Bundle[];

/**
 * @param dist the folder of the compiled modules. The bundles go there too
 * @returns the paths of the modules in the bundles
 */
export function bundlePrograms(dist: string, names: readonly Bundle[]): readonly string[] {
  const { metafile } = buildSync({
    entryPoints: Object.fromEntries(names.map((name) => [`run/${name}`, join(dist, `${PROGRAMS[name]}.js`)])),
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
  return Object.keys(metafile.inputs);
}
