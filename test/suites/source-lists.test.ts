import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileUris, sourceVersions } from './source-lists.js';

const SUM = `SHA256:${'0a'.repeat(32)}`;

test('the files of a source package have their checksums', () => {
  const text = [
    'Reading package lists...',
    `'http://deb.example.com/p/perl_5.40.1-6%2bdeb13u1.dsc' perl_5.40.1-6+deb13u1.dsc 2404 ${SUM}`,
    `'http://deb.example.com/p/perl_5.40.1.orig.tar.xz' perl_5.40.1.orig.tar.xz 13930924 ${SUM}`,
    '',
  ].join('\n');
  assert.deepEqual(
    fileUris(text).map(({ name, checksum }) => [name, checksum]),
    [
      ['perl_5.40.1-6+deb13u1.dsc', SUM],
      ['perl_5.40.1.orig.tar.xz', SUM],
    ],
  );
});

test('a file without a strong checksum is none', () => {
  for (const sum of ['', 'MD5Sum:0a0a', 'SHA256:0a'])
    assert.deepEqual(fileUris(`'http://deb.example.com/a.tar.xz' a.tar.xz 1 ${sum}\n`), []);
});

test('each version of a source package is there once', () => {
  const text = 'Package: a\nVersion: 1.2-3\n\nPackage: a\nVersion: 1.1-1\n\nPackage: a\nVersion: 1.2-3\n';
  assert.deepEqual(sourceVersions(text), ['1.2-3', '1.1-1']);
});
