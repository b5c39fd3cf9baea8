import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseRelease } from './choose-release.js';

const NAMES = [
  'linux-image-6.1.0-9-cloud-amd64',
  'linux-image-6.1.0-50-cloud-amd64',
  'linux-image-6.1.0-50-cloud-amd64-dbg',
  'linux-image-6.12.9+deb13-cloud-amd64',
  'linux-image-6.12.117+deb13-cloud-amd64',
  'linux-image-6.12.200+deb13-cloud-arm64',
  'linux-image-6.12.300+deb13-amd64',
  'linux-image-7.3.4+deb13-cloud-amd64',
  'linux-image-cloud-amd64',
];

test('a machine gets the newest kernel of its version, by number and not by letter', () => {
  assert.equal(chooseRelease(NAMES, 'amd64', '6.1'), '6.1.0-50-cloud-amd64');
  assert.equal(chooseRelease(NAMES, 'amd64', '6.12'), '6.12.117+deb13-cloud-amd64');
  assert.equal(chooseRelease(NAMES, 'arm64', '6.12'), '6.12.200+deb13-cloud-arm64');
});

test('the newest of all versions is found', () => {
  assert.equal(chooseRelease(NAMES, 'amd64', 'newest'), '7.3.4+deb13-cloud-amd64');
});

test('a version that the archive does not have is an error with those that it has', () => {
  assert.throws(
    () => chooseRelease(NAMES, 'arm64', '6.1'),
    /no cloud kernel 6\.1 for arm64: 6\.12\.200\+deb13/,
  );
});
