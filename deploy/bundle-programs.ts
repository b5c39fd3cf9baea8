// Bundles programs of postern with the packages that they import into one file each. A plugin's start starts four processes and two
// threads, and Node reads one file in a third of the time of hundreds. Native packages stay packages.
import { basename, resolve } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';
import { type Bundle, isEsModule } from '../shared/bundles.js';

/** The first module of each program, below dist. */
export const PROGRAMS: Readonly<Record<Bundle, string>> = {
  postern: 'sandbox/cli/start',
  'postern-main': 'sandbox/cli/main',
  'before-run': 'sandbox/cli/before-run',
  'main-run': 'sandbox/cli/main-run',
  library: 'sandbox/library/index',
  'postern-control': 'sandbox/cli/main-control',
  'postern-ui': 'sandbox/cli/main-ui',
  broker: 'broker/before-broker',
  'broker-main': 'broker/main',
  'stall-watchdog': 'broker/stall/stall-watchdog',
  'slow-lane-thread': 'broker/stall/slow-lane-thread',
  'connect-thread': 'sandbox/supervisor/orders/connect-thread',
  launcher: 'sandbox/launch/main',
  init: 'sandbox/launch/init',
  'trial-plugin': 'sandbox/doctor/trial-plugin',
  gateway: 'sandbox/gateway/main',
  requester: 'sandbox/requester/main',
  'seccomp-profile': 'deploy/container/seccomp-profile',
  yaml: 'shared/config/yaml-library',
  'public-suffixes': 'shared/policy/public-suffix-library',
};
/** In an ES module, CommonJS packages load the modules of Node by require. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module';
const require = requireOf(import.meta.url);`;
/** A CommonJS module has no import.meta. */
const OWN_URL = `const ownUrl = require('node:url').pathToFileURL(__filename).href;`;

/** Applications import the library. A bundler that puts it into their own file leaves its programs behind. */
const IN_PLACE = `if (typeof __dirname !== 'string' || !require('node:fs').existsSync(__dirname + '/broker.cjs'))
  throw new Error('Cannot find the programs of postern beside its library: keep postern out of the bundle, for example by esbuild --external:postern');`;

export const BUNDLES: readonly Bundle[] = Object.keys(PROGRAMS) as Bundle[];

export interface Bundled {
  readonly name: Bundle;
  /** The absolute paths of the modules in the bundle. */
  readonly modules: readonly string[];
  /** The names of the files in dist/run. */
  readonly files: readonly string[];
}

/** @param dist the folder of the compiled modules. The bundle goes there too */
export function bundleProgram(dist: string, name: Bundle): Bundled {
  const format: BuildOptions = isEsModule(name)
    ? { format: 'esm', banner: { js: REQUIRE } }
    : {
        format: 'cjs',
        banner: { js: name === 'library' ? `${IN_PLACE}\n${OWN_URL}` : OWN_URL },
        define: { 'import.meta.url': 'ownUrl' },
        outExtension: { '.js': '.cjs' },
      };
  const top = resolve(dist, '..');
  const { metafile } = buildSync({
    ...format,
    // Packages are looked for here, wherever this process was started.
    absWorkingDir: top,
    entryPoints: { [`run/${name}`]: resolve(dist, `${PROGRAMS[name]}.js`) },
    outdir: resolve(dist),
    bundle: true,
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    // Its main module looks for the others at run time.
    alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
    logLevel: 'warning',
    metafile: true,
  });
  return {
    name,
    modules: Object.keys(metafile.inputs).map((path) => resolve(top, path)),
    files: Object.keys(metafile.outputs).map((path) => basename(path)),
  };
}
