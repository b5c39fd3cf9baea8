// The files that postern itself runs: its code, the library that it loads, its Node, and the command that was typed. Who changes one of
// them runs outside of every sandbox at the next start.
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { bundlePath, DIST } from '../../shared/own-files.js';

/** @returns absolute paths of files and folders */
export function ownProgramFiles(): readonly string[] {
  const top = dirname(DIST);
  const library = dirname(createRequire(bundlePath('launcher')).resolve('koffi'));
  const [, typed = bundlePath('postern')] = process.argv;
  return [
    // In a checkout other things lie beside the compiled files.
    ...(top.includes(`${sep}node_modules${sep}`) ? [top] : [DIST, `${top}/package.json`]),
    library,
    process.execPath,
    // A link cannot be covered, so its folder is.
    ...(typed.includes(`${sep}node_modules${sep}.bin${sep}`) ? [dirname(typed)] : []),
  ];
}
