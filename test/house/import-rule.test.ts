import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const depcruise = join(top, 'node_modules/.bin/depcruise');

interface Report {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly rule: { readonly name: string } }[];
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

test('an import against the rule is found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-imports-'));
  try {
    for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
      cpSync(join(top, name), join(folder, name));
    symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'));
    const write = (path: string, text: string): void => {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    write('broker/a.ts', "import koffi from 'koffi';\nimport '../sandbox/b.js';\nexport default koffi;\n");
    write('sandbox/b.ts', "import '../broker/c.js';\n");
    write('broker/c.ts', 'export const c = 1;\n');
    write('shared/d.ts', "import '../broker/c.js';\n");
    write('broker/names/e.ts', "import { f } from '../trap/f.js';\nexport const e = f;\n");
    write('broker/trap/f.ts', 'export const f = 1;\n');
    const found = cruise(folder, ['broker', 'sandbox', 'shared']).summary.violations.map(
      ({ rule }) => rule.name,
    );
    for (const rule of [
      'koffi-only-in-sys',
      'broker-not-sandbox',
      'sandbox-not-broker',
      'shared-imports-nobody',
      'floors',
    ]) {
      assert.ok(found.includes(rule), `${rule} is not among ${found.join(', ')}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
