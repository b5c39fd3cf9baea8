import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { ownProgramFiles } from '../../sandbox/host/own-files.js';
import { loadedLibraries } from '../../shared/sys/load-library.js';

test('ownProgramFiles() names the libraries of a start where nothing has been started, with their folders', () => {
  const before = loadedLibraries();
  assert.ok(!before.some((path) => /libseccomp|libcap-ng/.test(path)));
  const { files, folders = [] } = ownProgramFiles();
  for (const soname of ['libseccomp.so.2', 'libcap-ng.so.0', 'libc.so.6', 'koffi.node']) {
    const file = files.find((path) => basename(path) === soname) ?? '';
    assert.ok(folders.includes(dirname(file)), `${soname}: ${file}`);
  }
  for (const name of ['unshare', 'nsenter', 'setpriv', 'sh', 'sleep', 'dd', 'cat'])
    assert.ok(
      files.some((path) => basename(path) === name),
      name,
    );
});
