import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const depcruise = join(top, 'node_modules/.bin/depcruise');

interface Report {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}

function cruise(folder: string, rooms: readonly string[]): Report {
  const { stdout, stderr } = spawnSync(
    depcruise,
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...rooms],
    {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Report;
}

test('the import rule holds, and is checked on every source file', () => {
  const { summary } = cruise(top, ['broker', 'sandbox', 'shared']);
  assert.ok(summary.totalCruised > 80, `only ${summary.totalCruised} modules were read`);
  assert.deepEqual(summary.violations, []);
});

/** @returns the imports that break a rule, as `rule: from -> to` */
function violationsOf(files: Readonly<Record<string, string>>): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'postern-imports-'));
  try {
    for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
      cpSync(join(top, name), join(folder, name));
    symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, text] of Object.entries({
      'broker/x.ts': '',
      'sandbox/x.ts': '',
      'shared/x.ts': '',
      ...files,
    })) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { violations } = cruise(folder, ['broker', 'sandbox', 'shared']).summary;
    return violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('an import against the rule is found', () => {
  const found = violationsOf({
    'broker/a.ts': "import koffi from 'koffi';\nimport '../sandbox/b.js';\nexport default koffi;\n",
    'sandbox/b.ts': "import '../broker/c.js';\n",
    'broker/c.ts': 'export const c = 1;\n',
    'shared/d.ts': "import '../broker/c.js';\n",
    'sandbox/plugin/e.ts': "import '../host/f.js';\n",
    'sandbox/host/f.ts': 'export const f = 1;\n',
  });
  const rules = found.map((text) => text.split(':', 1)[0] ?? '');
  assert.deepEqual([...new Set(rules)].sort(), [
    'broker-not-sandbox',
    'koffi-only-in-sys',
    'plugin-library-stands-alone',
    'sandbox-not-broker',
    'shared-imports-nobody',
  ]);
});

/** By house and room, the rooms or files that it must not import: one above, a neighbour of its own floor, the hall. */
const UPWARDS: readonly (readonly [from: string, to: string])[] = [
  ['broker/names', 'broker/trap'],
  ['broker/record', 'broker'],
  ['broker/limit', 'broker/names'],
  ['broker/caller', 'broker/trap'],
  ['broker/stall', 'broker/request'],
  ['broker/channel', 'broker/trap'],
  ['broker/trap', 'broker/channel'],
  ['sandbox/host', 'sandbox/supervisor'],
  ['sandbox/supervisor', 'sandbox/doctor'],
  ['sandbox/launch', 'sandbox/plugin'],
  ['sandbox/supervisor/files', 'sandbox/supervisor/root'],
  ['sandbox/supervisor/home', 'sandbox/supervisor/unseen'],
  ['sandbox/supervisor/listeners', 'sandbox/supervisor'],
];

test('a room that imports a higher floor, its neighbour or the hall is found, types included', () => {
  const files: Record<string, string> = {};
  UPWARDS.forEach(([from, to], index) => {
    files[`${from}/from${index}.ts`] =
      `import type { T } from '${relative(from, to)}/to${index}.js';\nexport type F = T;\n`;
    files[`${to}/to${index}.ts`] = 'export type T = 1;\n';
  });
  const expected = UPWARDS.map(
    ([from, to], index) => `floors: ${from}/from${index}.ts -> ${to}/to${index}.ts`,
  );
  assert.deepEqual([...violationsOf(files)].sort(), expected.sort());
});

test('an import of a lower floor is no violation, and a room without a floor is one', () => {
  const found = violationsOf({
    'broker/trap/a.ts': "import '../dns/b.js';\n",
    'broker/dns/b.ts': 'export const b = 1;\n',
    'broker/attic/c.ts': "import '../dns/b.js';\n",
  });
  assert.deepEqual(found, ['room-without-floor: broker/attic/c.ts -> broker/dns/b.ts']);
});
