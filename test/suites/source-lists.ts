// Reads what apt says of source packages. Pure.

/** A file of a source package, as apt downloads it. */
export interface SourceFile {
  readonly uri: string;
  readonly name: string;
  /** With its kind in front: SHA256:… */
  readonly checksum: string;
}

/** @param text of apt-get --print-uris source, apt-get(8) */
export function fileUris(text: string): readonly SourceFile[] {
  return [...text.matchAll(/^'([^']+)' (\S+) \d+ (SHA256:[0-9a-f]{64})$/gm)].map(
    ([, uri = '', name = '', checksum = '']) => ({ uri, name, checksum }),
  );
}

/** @param text of apt-cache showsrc, apt-cache(8) @returns the versions, as they stand */
export function sourceVersions(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/^Version: (\S+)$/gm)].map(([, version = '']) => version))];
}
