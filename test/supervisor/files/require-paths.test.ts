import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { requirePaths } from '../../../sandbox/supervisor/files/require-paths.js';
import { plainPlugin } from '../../../shared/config/plugin-config.js';

const PLUGIN = plainPlugin('web', ['true']);
const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
const link = join(folder, 'link');
const second = join(folder, 'second');
symlinkSync('/', link);
symlinkSync('link', second);
after(() => rmSync(folder, { recursive: true }));

// proves: no path shows the whole file system by a link
for (const key of ['visible', 'writable'] as const)
  test(`no path of ${key} leads to the whole file system, by a link either`, () => {
    for (const path of ['/', link, second, '/proc/self/root'])
      assert.throws(() => requirePaths({ ...PLUGIN, [key]: [path] }, []), {
        code: 'not_allowed',
        message: `Cannot show "/" to the plugin${path === '/' ? '' : `: "${path}" leads there`}`,
      });
    requirePaths({ ...PLUGIN, [key]: [folder] }, []);
  });

test('a listener through a link that a plugin could have made is refused, and named', () => {
  const address = join(link, 'x.sock');
  const listen = [{ name: 'web', address }];
  const written = [{ writer: 'other', path: folder, real: folder, isHome: false }];
  assert.throws(() => requirePaths({ ...PLUGIN, listen }, written), {
    code: 'path_not_apart',
    message: new RegExp(
      `^Cannot listen on "${address}": it leads through the link "${link}" in "${folder}", which the plugin "other" may write`,
    ),
  });
  requirePaths({ ...PLUGIN, listen }, []);
});
