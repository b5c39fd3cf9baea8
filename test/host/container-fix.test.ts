import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../sandbox/host/confinement.js';
import { briefContainerFix } from '../../sandbox/host/container-fix.js';
import { DOCKER, GOOD, KUBERNETES, MASKED, PODMAN, SYSTEMD } from '../doctor/good-host.js';

test('briefContainerFix() is one line for each kind of container, and undefined where nothing is in the way', () => {
  const facts = { ...GOOD, seccompMode: 2, mountInfo: MASKED, appArmorLabel: 'containers-default (enforce)' };
  const fixes: readonly (readonly [Container | undefined, string | undefined])[] = [
    [
      DOCKER,
      'start the container with --security-opt seccomp=postern-seccomp.json --security-opt apparmor=postern-container --security-opt systempaths=unconfined',
    ],
    [
      PODMAN,
      'start the container with --security-opt seccomp=postern-seccomp.json --security-opt apparmor=postern-container --security-opt unmask=ALL',
    ],
    [
      KUBERNETES,
      'set seccompProfile: {type: Localhost, localhostProfile: postern-seccomp.json}, appArmorProfile: {type: Localhost, localhostProfile: postern-container}, procMount: Unmasked, runAsUser: 1000 in the securityContext of the pod',
    ],
    [
      SYSTEMD,
      'set RestrictNamespaces=no, SystemCallFilter=, ProtectKernelTunables=no, ProtectKernelLogs=no in worker.service',
    ],
    [{ kind: 'other', sign: 'lxc' }, undefined],
    [undefined, undefined],
  ];
  for (const [container, fix] of fixes) {
    assert.equal(briefContainerFix({ ...facts, container }), fix);
    assert.equal(briefContainerFix({ ...GOOD, container }), undefined);
  }
});
