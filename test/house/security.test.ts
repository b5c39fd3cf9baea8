// Every file and test that SECURITY.md names exists.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = dirname(fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, ''));
const text = readFileSync(join(top, 'SECURITY.md'), 'utf8');

interface Guarantee {
  readonly name: string;
  readonly enforced: readonly string[];
  readonly tests: readonly string[];
  readonly remains: string;
}

const list = (cell: string): string[] => cell.trim().split(/[;,]\s*/);
const guarantees: readonly Guarantee[] = text
  .split('\n')
  .filter((line) => /^\| G\d+ \|/.test(line))
  .map((line) => {
    const [, name = '', , enforced = '', tests = '', , remains = ''] = line.split(/(?<!\\)\|/);
    return { name: name.trim(), enforced: list(enforced), tests: list(tests), remains };
  });
const sources = readdirSync(top, { recursive: true, encoding: 'utf8' }).filter((path) =>
  /^(?:broker|deploy|sandbox|shared)\//.test(path),
);

const testPaths = readdirSync(join(top, 'test'), { recursive: true, encoding: 'utf8' });

test('every guarantee of SECURITY.md names files and tests that are there', () => {
  assert.ok(guarantees.length >= 16);
  for (const { name, enforced, tests, remains } of guarantees) {
    for (const file of enforced.map((word) => word.replace(/^unshare\(1\) by /, '')))
      assert.ok(
        file.endsWith('/')
          ? existsSync(join(top, file))
          : sources.some((path) => path === file || path.endsWith(`/${file}`)),
        `${name}: ${file}`,
      );
    assert.match(text, new RegExp(`^### ${name} `, 'm'), `${name} has no section`);
    let folder = '';
    for (const word of tests) {
      folder = word.includes('/') ? dirname(word) : folder;
      const within = word.endsWith('/\\*') ? `${folder}/` : `${folder.split('/')[0]}/`;
      const end = word.endsWith('/\\*') ? '' : `/${basename(word)}`;
      const there = testPaths.some(
        (path) => path.startsWith(within) && ['', '.test.ts'].some((kind) => path.endsWith(`${end}${kind}`)),
      );
      assert.ok(there, `${name}: ${word} (${folder})`);
    }
    for (const [risk] of remains.matchAll(/\bR\d+\b/g))
      assert.ok(text.includes(`- **${risk}** `), `${name}: ${risk}`);
  }
});
