// Makes dist/run: the bundle of each program of postern, the licences of the packages in them, and the command.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { COMMAND_NAMES, COMMANDS } from '../sandbox/cli/command-table.js';
import type { Bundle } from '../shared/bundles.js';
import { ONE_V8_THREAD, UNBINDABLE_DEBUGGER } from '../shared/node-flags.js';
import { bundlePage, PAGE_FILES } from './bundle-page.js';
import { BUNDLES, bundleProgram } from './bundle-programs.js';
import { thirdPartyLicences } from './third-party-licences.js';

const COMMAND = 'deploy/command.sh';
/** The modules of each bundle, below dist: which bundles a changed module is in. */
type BundledModules = Readonly<Partial<Record<Bundle, readonly string[]>>>;
const LIST = 'bundles.json';

/** @param dist the folder of the compiled modules. The bundles go there too, with the licences of their packages */
export function bundle(dist: string): void {
  const bundled = BUNDLES.map((name) => bundleProgram(dist, name));
  const modules = [...bundled.flatMap((one) => one.modules), ...bundlePage(dist)];
  writeFileSync(join(dist, 'run/LICENCES.txt'), thirdPartyLicences(modules));
  removeOthers(join(dist, 'run'), [...bundled.flatMap(({ files }) => files), 'LICENCES.txt', ...PAGE_FILES]);
  const list = bundled.map((one) => [one.name, one.modules.map((path) => relative(dist, path))] as const);
  writeFileSync(join(dist, LIST), JSON.stringify(Object.fromEntries(list)));
  finishCommand(dist);
}

/** Makes bundles anew whose modules have changed. */
export function bundleAgain(dist: string, names: readonly Bundle[]): void {
  for (const name of names) bundleProgram(dist, name);
  if (names.includes('postern')) finishCommand(dist);
}

/** @param sources their paths below the top folder. @returns the bundles that have one of them */
export function bundlesOf(dist: string, sources: readonly string[]): readonly Bundle[] {
  const list: BundledModules = JSON.parse(readFileSync(join(dist, LIST), 'utf8'));
  const modules = sources.map((path) => path.replace(/\.ts$/, '.js'));
  return BUNDLES.filter(
    (name) =>
      list[name]?.some((path) => modules.includes(path)) === true ||
      (name === 'postern' && modules.includes(COMMAND)),
  );
}

function finishCommand(dist: string): void {
  const command = join(dist, 'run/postern.js');
  writeFileSync(command, `${shellPart(dist)}${readFileSync(command, 'utf8')}`);
  chmodSync(command, 0o755);
}

/** The file is both a shell script and a module, so that Node finds the module even if the command is a link. */
function shellPart(dist: string): string {
  const script = readFileSync(join(dist, COMMAND), 'utf8');
  const starting = COMMAND_NAMES.filter((name) => COMMANDS[name].starts === true);
  return script
    .replaceAll('@NODE_FLAGS@', () => `'${UNBINDABLE_DEBUGGER}' ${ONE_V8_THREAD}`)
    .replaceAll('@STARTING@', starting.join(' | '));
}

/** Removes the files of former builds, which would be packed too. */
function removeOthers(folder: string, names: readonly string[]): void {
  for (const name of readdirSync(folder)) if (!names.includes(name)) rmSync(join(folder, name));
}
