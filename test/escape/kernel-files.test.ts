// proves: G10
// proves: G17
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: "The kernel's files are opened for writing, and devices made",
  program: 'kernel-files.py',
  without: ['landlock', 'proc', 'capabilities'],
  asEachUser: true,
  refused: ({ findings }) => {
    assert.equal(findings.get('files'), 'many');
    assert.equal(findings.get('opened'), 'none');
    for (const device of ['memory', 'null', 'disk'])
      assert.equal(findings.get(`make_${device}`), 'EPERM', device);
    assert.equal(
      findings.get('devices'),
      'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero',
    );
    assert.equal(findings.get('terminals'), 'ptmx');
    assert.equal(findings.get('terminal'), 'ENXIO', 'nobody has a terminal to share');
    assert.equal(findings.get('sys'), 'ENOENT');
    // Not 0: a core_pattern that is a pipe would still get a core, core(5).
    assert.equal(findings.get('core'), '1 1');
    assert.equal(findings.get('core_raised'), 'EPERM');
  },
  open: ({ findings }) => {
    assert.match(findings.get('opened') ?? '', /\/proc\/sys\/net\/ipv4\/ip_forward\b/);
  },
});
