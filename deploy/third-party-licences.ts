// Collects the licences of the packages in a bundle. Each licence must go with every copy.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//;
const LICENCE = /^(?:licen[cs]e|copying|notice)(?:\.\w+)?$/i;

/**
 * @param modules paths of the modules in a bundle
 * @returns names, versions and licences of their packages, by name
 * @throws Error if a package has no licence
 */
export function thirdPartyLicences(modules: readonly string[]): string {
  const folders = new Map<string, string>();
  for (const module of modules) {
    const [, folder, name] = PACKAGE.exec(module) ?? [];
    if (folder !== undefined && name !== undefined) folders.set(name, folder);
  }
  return [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, folder]) => describe(name, folder))
    .join(`\n${'-'.repeat(80)}\n`);
}

function describe(name: string, folder: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const texts = readdirSync(folder)
    .filter((file) => LICENCE.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  if (texts.length === 0)
    throw new Error(`${name} comes without a licence: its code cannot go into a bundle`);
  return `${name} ${version}\n\n${texts.join('\n\n')}\n`;
}
