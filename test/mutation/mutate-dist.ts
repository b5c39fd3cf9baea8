// Changes a compiled tree as if its sources had been changed: compiles the changed modules, and bundles the programs that have one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { bundleAgain, bundlesOf } from '../../deploy/bundle.js';
import { type Change, mutantSource } from '../../deploy/protections/mutant-source.js';

/** The file beside dist with what differs in a mutant. Its sources are those without the change. */
export const MUTANT = 'mutant.json';

/**
 * @param top the folder of the sources and of package.json
 * @param dist a copy of the compiled tree
 * @param bundles whether to bundle, too
 */
export function mutateDist(top: string, dist: string, changes: readonly Change[], bundles = true): void {
  const files = new Set(changes.map(({ marker }) => marker.file));
  for (const file of files) {
    const own = changes.filter(({ marker }) => marker.file === file);
    const mutant = mutantSource(readFileSync(join(top, file), 'utf8'), own);
    if (file.endsWith('.sh')) writeFileSync(join(dist, file), mutant);
    else writeFileSync(join(dist, file.replace(/\.ts$/, '.js')), compiled(top, file, mutant));
  }
  if (bundles) bundleAgain(dist, bundlesOf(dist, [...files]));
}

function compiled(top: string, fileName: string, text: string): string {
  const { compilerOptions } = ts.readConfigFile(join(top, 'tsconfig.json'), ts.sys.readFile).config;
  const { options } = ts.convertCompilerOptionsFromJson(
    // A single module has no package.json that says what a module is, and no declaration.
    { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler', declaration: false },
    top,
  );
  const { sourceMap, isolatedDeclarations, incremental, tsBuildInfoFile, ...kept } = options;
  return ts.transpileModule(text, { compilerOptions: kept, fileName }).outputText;
}
