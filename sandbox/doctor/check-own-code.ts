// Whether a sandbox's launcher may read postern's own files.
import { shellWord } from '../host/shell-word.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export function checkOwnCode({ root, ownCode, nodePath }: HostFacts): Check {
  const check = { name: 'own code', needed: 'files that other users may read, where root starts postern' };
  const { folder, closed } = ownCode;
  if (closed === undefined || !root) return { ...check, state: 'ok', found: folder };
  const inside = closed.path === folder || closed.path.startsWith(`${folder}/`);
  return {
    ...check,
    state: 'missing',
    found: `"${closed.path}" has mode ${closed.mode}`,
    fix: inside
      ? `Let other users read what lies in that folder:\n  chmod -R o+rX ${shellWord(folder)}`
      : `Let other users run Node:\n  chmod o+rx ${shellWord(nodePath)}`,
  };
}
