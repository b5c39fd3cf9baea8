import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: "Filters of the plugin's own are laid over those that it has",
  program: 'own-filter.py',
  without: ['seccomp.connect', 'seccomp.listener', 'landlock'],
  refused: ({ findings, egress }) => {
    const turned = findings.get('none');
    assert.match(turned ?? '', egress === 'channel' ? /^EACCES EACCES$/ : /^EISCONN (?:ok|EISCONN)$/);
    for (const name of ['allow', 'log', 'trace', 'prctl']) {
      assert.equal(findings.get(`${name}_loaded`), 'ok', name);
      assert.equal(findings.get(name), turned, name);
    }
    // The strictest answer counts: the plugin's own filter deceives only the plugin, and nobody receives its reports.
    assert.equal(findings.get('notify'), egress === 'channel' ? turned : 'ENOSYS ENOSYS');
    assert.equal(findings.get('pretend'), 'ok ok');
    assert.equal(findings.get('listener'), 'EPERM');
  },
  open: ({ findings, forbidden }) => {
    assert.match(forbidden, /connection/);
    assert.match(findings.get('listener') ?? '', /^ok/);
  },
});
