import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Profile, Rule } from '../../deploy/container/seccomp-profile-format.js';
import { CONTAINER_CALLS } from '../../shared/container-calls.js';
import { kernelFeatures } from '../../shared/sys/kernel-features.js';
import { PATIENCE } from '../harness/patience.js';
import { distFor, readableFolder } from '../harness/users.js';
import { dockerDefault, hasApt } from './docker-default.js';
import { image } from './image.js';
import { noContainers, type Outcome, run, succeed, writeJson } from './podman.js';

const CLONE_NEWUSER = 0x10000000;

let name = '';
before(
  async () => {
    if (noContainers === false) name = await image();
  },
  { timeout: 240_000 * PATIENCE },
);

/** The output of the script. */
async function profileOf(...words: readonly string[]): Promise<Profile> {
  const script = join(distFor('root'), 'run/seccomp-profile.js');
  return JSON.parse(await succeed([process.execPath, script, ...words])) as Profile;
}

function doctorUnder(profile: Profile): Promise<Outcome> {
  const folder = readableFolder();
  writeJson(join(folder, 'profile.json'), profile);
  const options = [
    '--user',
    '1000:1000',
    '--security-opt',
    'unmask=ALL',
    '--security-opt',
    'seccomp=profile.json',
  ];
  return run(['podman', 'run', '--rm', ...options, name, 'doctor'], folder);
}

/** The profile as it would be, had the list not had this call. */
function refusing(profile: Profile, call: string): Profile {
  const rules = profile.syscalls.map((rule) => ({
    ...rule,
    names: rule.names.filter((one) => one !== call),
  }));
  return { ...profile, syscalls: [...rules, ...refusals(call)] };
}

/** Nothing runs without clone(2), so only a new user namespace is refused. */
function refusals(call: string): readonly Rule[] {
  const refused = { names: [call], action: 'SCMP_ACT_ERRNO', errnoRet: 1 };
  if (call !== 'clone') return [refused];
  const flag = (valueTwo: number): readonly unknown[] => [
    { index: 0, value: CLONE_NEWUSER, valueTwo, op: 'SCMP_CMP_MASKED_EQ' },
  ];
  return [
    { ...refused, args: flag(CLONE_NEWUSER) },
    { names: [call], action: 'SCMP_ACT_ALLOW', args: flag(0) },
  ];
}

/** Without it postern compares inodes, if the kernel opens handles of threads. */
const isReplaced = (call: string): boolean => call === 'kcmp' && kernelFeatures().threadPidfd;

for (const call of Object.keys(CONTAINER_CALLS).filter((one) => !isReplaced(one))) {
  test(`doctor fails in a container whose filter refuses ${call}`, { skip: noContainers }, async () => {
    const { status, stdout, stderr } = await doctorUnder(refusing(await profileOf(), call));
    assert.equal(status, 1, stdout + stderr);
    assert.match(stdout, /^container options: .*seccomp=postern-seccomp\.json/m);
  });
}

test('doctor passes in a container whose filter refuses kcmp, and calls it degraded', {
  skip: noContainers || (isReplaced('kcmp') ? false : 'needs Linux 6.9'),
}, async () => {
  const { status, stdout, stderr } = await doctorUnder(refusing(await profileOf(), 'kcmp'));
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /kcmp\(2\).*\n.*The broker compares inodes/);
});

for (const form of [[], ['--kubernetes']]) {
  const words = ['made', ...form].join(' with ');
  test(`doctor passes under Podman's default with the calls, ${words}`, { skip: noContainers }, async () => {
    const { status, stdout, stderr } = await doctorUnder(await profileOf(...form));
    assert.equal(status, 0, stdout + stderr);
  });

  test(`doctor passes under Docker's default with the calls, ${words}`, {
    skip: noContainers || (hasApt ? false : "needs apt-get, for Docker's default"),
  }, async () => {
    const { status, stdout, stderr } = await doctorUnder(await profileOf(...form, await dockerDefault()));
    assert.equal(status, 0, stdout + stderr);
  });
}
