import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Container, findContainer } from '../../sandbox/host/confinement.js';
import { DOCKER, KUBERNETES, PODMAN, SYSTEMD } from '../doctor/good-host.js';

test('findContainer() recognises a container by the sign that it leaves', () => {
  const signs = (
    files: Readonly<Record<string, string>>,
    environment: Readonly<Record<string, string>> = {},
  ): Container | undefined =>
    findContainer({ exists: (path) => path in files, read: (path) => files[path], environment });
  assert.equal(signs({ '/proc/self/cgroup': '0::/user.slice/user-0.slice/session-1.scope\n' }), undefined);
  assert.deepEqual(signs({ '/.dockerenv': '' }), DOCKER);
  assert.deepEqual(signs({ '/run/.containerenv': '' }), PODMAN);
  assert.deepEqual(signs({ '/.dockerenv': '' }, { KUBERNETES_SERVICE_HOST: '192.0.2.1' }), KUBERNETES);
  const cgroup = (text: string): Container | undefined => signs({ '/proc/self/cgroup': text });
  assert.equal(cgroup('5:memory:/kubepods/besteffort/pod1\n')?.kind, 'kubernetes');
  assert.equal(cgroup('5:memory:/docker/1\n')?.kind, 'docker');
  assert.equal(cgroup('0::/machine.slice/libpod-1.scope\n')?.kind, 'podman');
  assert.equal(cgroup('5:memory:/lxc/one\n')?.kind, 'other');
  assert.deepEqual(cgroup('0::/system.slice/worker.service\n'), SYSTEMD);
  assert.deepEqual(signs({ '/run/systemd/container': 'systemd-nspawn\n' }), {
    kind: 'other',
    sign: '/run/systemd/container: systemd-nspawn',
  });
});
