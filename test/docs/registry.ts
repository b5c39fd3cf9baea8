// Hosts that serve packages, as this machine sees them: where an address is not a public one, as behind a mirror, a page's rule for the name
// needs a rule for the address beside it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TOP } from './page.js';

export const REGISTRY = 'registry.npmjs.org';

interface Explanation {
  readonly addresses?: readonly { readonly address: string; readonly fate: string }[];
}

/** Words that follow `--allow HOST:PORT` here. */
export function specialWords(host: string = REGISTRY, port = 443): readonly string[] {
  const place = `${host}:${port}`;
  const { stdout } = spawnSync(
    process.execPath,
    [join(TOP, 'dist/run/postern.js'), 'explain', place, '--allow', place, '--json'],
    { encoding: 'utf8' },
  );
  const { addresses = [] } = JSON.parse(stdout) as Explanation;
  return addresses
    .filter(({ fate }) => fate === 'address_special')
    .flatMap(({ address }) => ['--allow', `${address.includes(':') ? `[${address}]` : address}:${port}`]);
}
