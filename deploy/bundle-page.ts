// Makes what browsers get of postern, in dist/run: the script and the style of the live page, and the program that writes a report as a page. The sources are
// sandbox/page. They are in TypeScript with JSX, which the compiler only checks.
import { join } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';

/** The files in dist/run that bundle.ts must leave there. */
export const PAGE_FILES: readonly string[] = ['page.js', 'page.css', 'report-page.cjs'];

const COMMON: BuildOptions = {
  bundle: true,
  minify: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning',
};

/** @param top the folder of the sources @param dist the folder of the compiled modules */
export function bundlePage(top: string, dist: string): void {
  const source = (name: string): string => join(top, 'sandbox/page', name);
  const file = (name: string): string => join(dist, 'run', name);
  buildSync({
    ...COMMON,
    entryPoints: [source('live.tsx')],
    outfile: file('page.js'),
    format: 'iife',
    target: 'es2022',
  });
  buildSync({ ...COMMON, entryPoints: [source('page.css')], outfile: file('page.css') });
}
