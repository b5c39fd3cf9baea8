// Every page that another one names exists, and a test runs the commands of every page. The pages have each word of some tables.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMMAND_NAMES } from '../../sandbox/cli/command-table.js';
import { pluginReason, REASONS } from '../../shared/words.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(top, path), 'utf8');
const pagesIn = (folder: string): string[] =>
  readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path));
const ofReader = ['README.md', ...pagesIn('docs')].sort();
const pages = [
  ...ofReader,
  ...readdirSync(top).filter((name) => name.endsWith('.md') && name !== 'README.md'),
];

/** Pages whose commands run elsewhere than in test/docs: those of containers.md make an image. */
const RUN_BY: Readonly<Record<string, string>> = {
  'docs/containers.md': 'test/containers/documents.test.ts',
};

/** The anchor of a heading on GitHub. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');

const withoutBlocks = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '');

test('every link between the documents leads to a file, and to a heading of it', () => {
  let links = 0;
  for (const page of pages) {
    for (const [, target = ''] of withoutBlocks(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      links += 1;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : normalize(join(dirname(page), path));
      assert.ok(existsSync(join(top, file)), `${page}: ${target}`);
      if (anchor === undefined) continue;
      const headings = [...withoutBlocks(read(file)).matchAll(/^#+ (.*)$/gm)];
      const anchors = headings.map(([, heading = '']) => anchorOf(heading));
      assert.ok(anchors.includes(anchor), `${page}: ${target}`);
    }
  }
  assert.ok(links > 50, `only ${links} links were found`);
});

test('README or a page that it names leads to every page', () => {
  const linksOf = (page: string): string[] =>
    [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, path = '']) =>
      normalize(join(dirname(page), path)),
    );
  const named = linksOf('README.md').filter((path) => pages.includes(path));
  const linked = new Set(['README.md', ...named, ...named.flatMap(linksOf)]);
  assert.deepEqual(
    pages.filter((page) => !linked.has(page)),
    [],
  );
});

test('a test runs the commands of every page that has some', () => {
  const untested = ofReader
    .filter((page) => /^```sh$/m.test(read(page)))
    .filter((page) => {
      const name = page.replace(/^docs\//, '').replace(/\.md$/, '.test.ts');
      const file = RUN_BY[page] ?? `test/docs/${name.toLowerCase()}`;
      return (
        !existsSync(join(top, file)) || (RUN_BY[page] === undefined && !read(file).includes(`'${page}'`))
      );
    });
  assert.deepEqual(untested, []);
});

test('a how-to takes no more than 60 lines', () => {
  for (const page of ofReader.filter((path) => path.startsWith('docs/how-to/')))
    assert.ok(read(page).trimEnd().split('\n').length <= 60, page);
});

/** Reasons to connect, and those of trapped calls alone. */
const NOT_ON_A_CHANNEL = ['rule', 'approved', 'stale_grant', 'foreign_netns', 'udp_refused', 'record_type'];

test('PROTOCOL.md names each reason of a refusal on a channel', () => {
  const protocol = read('PROTOCOL.md');
  const reasons = REASONS.filter((reason) => !NOT_ON_A_CHANNEL.includes(reason)).map(pluginReason);
  assert.deepEqual(
    reasons.filter((reason) => !protocol.includes(`\`${reason}\``)),
    [],
  );
});

test('a page or the README shows each command', () => {
  const shown = ofReader.map(read).join('');
  assert.deepEqual(
    COMMAND_NAMES.filter((name) => !shown.includes(`postern ${name}`)),
    [],
  );
});
