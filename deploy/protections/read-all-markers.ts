// Reads the markers of all sources.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Marker, readMarkers } from './markers.js';

const ROOMS = ['broker', 'deploy', 'sandbox', 'shared'];
/** The essay there shows markers. */
const ESSAY = 'deploy/protections/markers.ts';

/**
 * @param top the folder of package.json
 * @param words only files with one of them are read
 */
export function readAllMarkers(top: string, words: readonly string[] = [': ']): readonly Marker[] {
  return ROOMS.flatMap((room) =>
    readdirSync(join(top, room), { recursive: true, encoding: 'utf8' })
      .map((path) => `${room}/${path}`)
      .filter((file) => /\.(?:ts|sh)$/.test(file) && file !== ESSAY)
      .sort()
      .flatMap((file) => {
        const text = readFileSync(join(top, file), 'utf8');
        return words.some((word) => text.includes(word)) ? readMarkers(file, text) : [];
      }),
  );
}
