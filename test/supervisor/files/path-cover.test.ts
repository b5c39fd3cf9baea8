import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PathCover } from '../../../sandbox/supervisor/files/find-pipes.js';

const coverOf = (most: number, paths: readonly string[]): PathCover => {
  const cover = new PathCover(most);
  for (const path of paths) cover.add(path);
  return cover;
};

test('few paths are covered by themselves, and a folder stands for many', () => {
  assert.deepEqual(coverOf(3, ['/a/b/1', '/a/2', '/3']).files, ['/a/b/1', '/a/2', '/3']);
  const many = coverOf(4, ['/top/near', '/top/far/1', '/top/far/2', '/top/far/3', '/top/far/4']);
  assert.deepEqual([many.files, many.folders], [['/top/near'], ['/top/far']]);
});

test('whatever is added is covered, by as few paths as were asked for', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => `/top/${names.join('/')}`);
  fc.assert(
    fc.property(fc.array(path, { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), (paths, most) => {
      const { files, folders } = coverOf(most, paths);
      assert.ok(files.length + folders.length <= most);
      for (const one of paths)
        assert.ok(files.includes(one) || folders.some((folder) => one.startsWith(`${folder}/`)), one);
    }),
  );
});
