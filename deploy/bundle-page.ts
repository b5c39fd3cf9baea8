// Makes what browsers get of postern, in dist/run: the script and the style of the live page, and the program that writes a report as a page. The sources are
// sandbox/page. They are in TypeScript with JSX, which the compiler only checks.
import { join, resolve } from 'node:path';
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

/** @param dist the folder of the compiled modules, beside the sources @returns the absolute paths of the modules in the files */
export function bundlePage(dist: string): readonly string[] {
  const source = (name: string): string => join(dist, '../sandbox/page', name);
  const file = (name: string): string => join(dist, 'run', name);
  const bundles: readonly BuildOptions[] = [
    { entryPoints: [source('live.tsx')], outfile: file('page.js'), format: 'iife', target: 'es2022' },
    { entryPoints: [source('page.css')], outfile: file('page.css') },
    {
      ...{
        entryPoints: [source('report.tsx')],
        outfile: file('report-page.cjs'),
        format: 'cjs',
        platform: 'node',
      },
      target: 'node20',
      loader: { '.css': 'text' },
    },
  ];
  return bundles.flatMap((options) => {
    const { metafile } = buildSync({ ...COMMON, ...options, metafile: true });
    return Object.keys(metafile?.inputs ?? {}).map((path) => resolve(path));
  });
}
