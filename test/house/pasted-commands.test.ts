// A command or an option that a message suggests is pasted into a shell. What is put into it goes through shell-word.ts, which quotes it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const PASTED =
  /(?<![\w-])(?:chmod|chown|mkdir|rm|umount|install -d|setcap|sudo|--entrypoint|--(?:visible|writable|home|cwd|listen|audit|config)) [^`\n]*/g;
/** Quoted, a number, a constant or a choice of two words. */
const SAFE =
  /^(?:shell(?:Word|Quoted)\(.*|.*\.map\(shellWord\)\.join\(' '\)|[ug]id\(\)|[A-Z_]+|\w+ \? '[^']*' : '[^']*')$/;

/** @returns what a text of the source puts into a command without quotes of the shell */
function unquoted(source: string): string[] {
  return (source.match(PASTED) ?? []).flatMap((command) =>
    [...command.matchAll(/\$\{([^}]*)\}/g)].map(([, put = '']) => put).filter((put) => !SAFE.test(put)),
  );
}

test('what a message puts into a command to paste is quoted for a shell', () => {
  const sources = ['broker', 'sandbox', 'shared']
    .flatMap((room) =>
      readdirSync(join(top, room), { recursive: true, encoding: 'utf8' }).map((path) => join(room, path)),
    )
    .filter((path) => path.endsWith('.ts'));
  const withoutComments = (path: string): string =>
    readFileSync(join(top, path), 'utf8').replaceAll(/\/\*.*?\*\/ ?/gs, '');
  const found = sources.map((path) => ({ path, source: withoutComments(path) }));
  const commands = found.flatMap(({ source }) => source.match(PASTED) ?? []);
  assert.ok(commands.filter((command) => command.includes('shellWord(')).length >= 8);
  const faults = found.flatMap(({ path, source }) => unquoted(source).map((put) => `${path}: ${put}`));
  assert.deepEqual(faults, []);
});

test('the rule for pasted commands sees quotes that are written by hand', () => {
  const source = (text: string): string => `fix: \`${text.replaceAll('<', '${').replaceAll('>', '}')}\``;
  for (const fault of ["chmod o+rX '<path>'", 'sudo chown 0:0 "<path>"', '--visible <cwd>', 'umount <one>'])
    assert.equal(unquoted(source(fault)).length, 1, fault);
  for (const right of ['rm <shellWord(path)>', '--hidden', "chmod <writes ? 'o+rwX' : 'o+rX'> it"])
    assert.deepEqual(unquoted(source(right)), [], right);
});
