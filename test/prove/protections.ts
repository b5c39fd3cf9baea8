// Every protection, from the markers in the sources, and the tests that say that they prove it. Each one is taken away alone.
import { readAllMarkers } from '../../deploy/protections/read-all-markers.js';
import { readAllProofs } from '../../deploy/protections/read-all-proofs.js';

export interface Protection {
  readonly name: string;
  /** As in SECURITY.md, for example G8. */
  readonly guarantee: string;
  /** The names of others that hold the same. */
  readonly besides: readonly string[];
  /** Without it nothing starts at all, so no test can run. */
  readonly failsClosed: boolean;
  /** Only tests as root notice. */
  readonly asRoot: boolean;
  readonly proofs: readonly TestsOfFile[];
}

export interface TestsOfFile {
  /** Below the top folder. */
  readonly file: string;
  /** Regular expressions for titles. Empty: all tests of the file. */
  readonly patterns: readonly string[];
}

/** @param top the folder of package.json */
export function protectionsOf(top: string): readonly Protection[] {
  const proofs = readAllProofs(top);
  const protections = new Map<string, Protection>();
  for (const { kind, name, guarantee = '', besides, failsClosed, asRoot } of readAllMarkers(top)) {
    if (kind !== 'protection' || protections.has(name)) continue;
    const byFile = new Map<string, readonly string[]>();
    const own = proofs.filter((one) => one.name === name);
    for (const { file } of own) {
      const patterns = own.filter((one) => one.file === file).map(({ pattern }) => pattern);
      byFile.set(file, patterns.includes(undefined) ? [] : patterns.flatMap((pattern) => pattern ?? []));
    }
    const tests = [...byFile].map(([file, patterns]) => ({ file, patterns }));
    protections.set(name, { name, guarantee, besides, failsClosed, asRoot, proofs: tests });
  }
  return [...protections.values()];
}
