import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readableFolder } from '../harness/users.js';
import { type Internet, startInternet } from './internet.js';
import { Page, TOP, testThatAllWasRun } from './page.js';
import { runCommands } from './run-commands.js';

const page = new Page('README.md');
/** README's reader is in a checkout. */
const checkout = { cwd: TOP };

let internet: Internet;
before(async () => {
  internet = await startInternet({ names: ['example.com', 'tracker.example.net'] });
});
after(() => internet.close());

test("README's commands in a checkout are those that continuous integration runs", () => {
  const { lines } = page.commands('npm start');
  const { scripts } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  assert.deepEqual(
    lines.map((line) => line.split('#')[0]?.trim()),
    ['npm ci && npm start', 'npm ci && npm test'],
  );
  assert.ok(scripts['start'] !== undefined && scripts['test'] !== undefined);
  const ci = readFileSync(join(TOP, '.ci/run'), 'utf8');
  assert.match(ci, /^npm start$/m);
  assert.match(ci, /^npm ci && npm test$/m);
});

test("README's first run fetches, and its second is refused as shown", async (t) => {
  const [allowed = '', refused = ''] = page.commands('tracker').lines;
  const [typed = '', shown = ''] = page.output('$ postern').split(/(?<=^.*\n)/);
  assert.equal(typed, `$ ${refused.replace('npx ', '')}\n`);
  const { within } = internet;
  const first = await runCommands(t, allowed, { ...checkout, within });
  assert.deepEqual([first.status, first.stdout], [0, 'served example.com\n'], first.stderr);
  // curl writes its line in pieces: on one stream postern's could come between them.
  const apart = refused.replace('-- curl ', '-- curl --stderr - ');
  assert.notEqual(apart, refused);
  const second = await runCommands(t, apart, { ...checkout, within });
  assert.equal(second.status, 6);
  const [ofPostern, ofCurl] = shown.split(/(?<=\n)/);
  assert.deepEqual([second.stderr, second.stdout], [ofPostern, ofCurl]);
  assert.equal(shown, `${ofPostern}${ofCurl}`);
  assert.deepEqual(internet.connections(), ['example.com:443']);
});

test("README's doctor finds this host fit", async (t) => {
  const { status, stdout } = await runCommands(t, page.commands('doctor').text, checkout);
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^This host can run postern/m);
});

test("README's configuration is right, and init, check and up run as told", async (t) => {
  const folder = readableFolder();
  for (const name of ['templates', 'templates/private', 'out', 'rules']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'rules/internal.yaml'), 'allow: [intranet.example.com]\n');
  writeFileSync(join(folder, 'postern.yaml'), page.block('yaml'));
  const checked = await runCommands(t, 'postern check', { cwd: folder });
  assert.match(checked.stdout, /: 2 plugins, 5 rules, 0 warnings\n$/);
  const example = join(TOP, 'example.yaml');
  assert.ok(!existsSync(example));
  t.after(() => rmSync(example, { force: true }));
  const { status, stdout, stderr } = await runCommands(t, page.commands('init example.yaml').text, checkout);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^hello \| I run, and reach only what a rule allows$/m);
});

test("README's figures are those that were measured", () => {
  const measured = readFileSync(join(TOP, 'docs/performance.md'), 'utf8');
  const figures = [...page.text.matchAll(/^\| (.+?) \|.* \| (.* (?:MB\/s|ms)) \|$/gm)].flatMap(
    ([, who = '', cell = '']) =>
      cell.split('; ').map((figure) => [who, ...(/^(\S+) (.*)$/.exec(figure)?.slice(1) ?? [])] as const),
  );
  assert.equal(figures.length, 7);
  for (const [who, figure = '', unit = ''] of figures) {
    const name = who.includes('postern')
      ? unit === 'ms'
        ? 'run'
        : 'trap'
      : /\w[\w-]*(?=\)?$)/.exec(who)?.[0];
    const table = measured
      .split(/^\| (?=\w+, )/m)
      .filter((text) => text.startsWith(unit === 'ms' ? 'time, ms' : 'rate, MB/s'));
    assert.ok(
      table.some((text) => text.includes(`\n| ${name} | ${figure} | `)),
      `${who}: ${figure} ${unit}`,
    );
  }
});

test('README takes no more than 150 lines', () => {
  assert.ok(page.text.trimEnd().split('\n').length <= 150);
});

testThatAllWasRun(page);
