import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

const beginning = (findings: ReadonlyMap<string, string>, start: string): [string, string][] =>
  [...findings].filter(([name]) => name.startsWith(start));

// proves: seccomp.ioctl_file_systems
hostile({
  name: 'A request to a file system for all its files',
  program: 'file-system-requests.py',
  without: ['seccomp.ioctl_file_systems'],
  refused: ({ findings }) => {
    const refused = [...beginning(findings, 'no_'), ...beginning(findings, 'class')];
    assert.equal(refused.length, 15);
    for (const [name, outcome] of refused) assert.equal(outcome, 'EPERM', name);
    const kept = beginning(findings, 'yes_');
    assert.equal(kept.length, 5);
    for (const [name, outcome] of kept) assert.notEqual(outcome, 'EPERM', name);
  },
  open: ({ findings }) => {
    for (const [name, outcome] of beginning(findings, 'no_')) assert.notEqual(outcome, 'EPERM', name);
  },
});
