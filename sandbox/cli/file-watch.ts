// Looks at files again and again, and tells when one changed. It compares what stat(2) says of the file behind all links, so it sees a file that is
// replaced, and the swapped links of a ConfigMap, on every file system.
import { statSync } from 'node:fs';
import { CONFIG_LOOK_MS } from '../../shared/limits.js';

/**
 * @param onChange called once the files have stayed the same for one look: an editor may write in several steps
 * @returns what ends it
 */
export function watchFiles(paths: readonly string[], onChange: () => void): () => void {
  let known = looksOf(paths);
  let seen = known;
  const timer = setInterval(() => {
    const now = looksOf(paths);
    if (now === seen && now !== known) {
      known = now;
      onChange();
    }
    seen = now;
  }, CONFIG_LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function looksOf(paths: readonly string[]): string {
  return paths.map(lookAt).join(' ');
}

function lookAt(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return 'absent';
  }
}
