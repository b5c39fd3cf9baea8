// proves: G4
// proves: G10
import assert from 'node:assert/strict';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import { hostile } from './hostile.js';

/** Calls that the broker answers have separate tests. */
const groups = refusedCalls.filter(({ name }) => !/^seccomp\.(?:connect|bind|listen)$/.test(name));

const OPEN_TO_ALL = [
  'openat2',
  'clone3',
  'setns',
  'open_tree',
  'process_vm_readv',
  'keyctl',
  'perf_event_open',
  'adjtimex',
];
const actionOf = (call: string): string | undefined =>
  groups.flatMap(({ rules }) => rules).find(({ calls }) => calls.includes(call))?.action;

// proves: seccomp.aio
hostile({
  name: 'Calls that a plugin does not have are made',
  program: 'refused-calls.py',
  without: groups.map(({ name }) => name),
  refused: ({ findings }) => {
    for (const { rules } of groups) {
      for (const { calls, action } of rules) {
        for (const call of calls)
          assert.ok([action, 'unknown'].includes(findings.get(call) ?? ''), `${call}: ${findings.get(call)}`);
      }
    }
    for (const [name, outcome] of findings)
      if (name.startsWith('strange')) assert.equal(outcome, 'ENOSYS', name);
    const unknown = [...findings].filter(([, outcome]) => outcome === 'unknown');
    assert.ok(unknown.length < 20, unknown.join(' '));
  },
  open: ({ findings }) => {
    // The kernel itself answers differently where no capability guards the call. For splice it refuses the arguments in any case.
    for (const call of OPEN_TO_ALL) assert.notEqual(findings.get(call), actionOf(call), call);
  },
});
