// The npm registry as this machine sees it: where its address is not a public one, as behind a mirror, a page's rule for its name
// needs a rule for the address beside it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TOP } from './page.js';

export const REGISTRY = 'registry.npmjs.org';

interface Explanation {
  readonly addresses?: readonly { readonly address: string; readonly fate: string }[];
}

/** Words that follow `--allow registry.npmjs.org` here. */
export function registryWords(): readonly string[] {
  const { stdout } = spawnSync(
    process.execPath,
    [join(TOP, 'dist/run/postern.js'), 'explain', `${REGISTRY}:443`, '--allow', REGISTRY, '--json'],
    { encoding: 'utf8' },
  );
  const { addresses = [] } = JSON.parse(stdout) as Explanation;
  return addresses
    .filter(({ fate }) => fate === 'address_special')
    .flatMap(({ address }) => ['--allow', address.includes(':') ? `[${address}]` : address]);
}
