import assert from 'node:assert/strict';
import { test } from 'node:test';
import { homesOf } from '../../../sandbox/supervisor/home/home-problems.js';
import { interpretersOf } from '../../../sandbox/supervisor/root/started-files.js';

test("homesOf() finds the home directories of root and people, and none of a program's user", () => {
  const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33::/var/www:/usr/sbin/nologin
ada:x:1000:1000:Ada,,,:/srv/homes/ada:/bin/bash
rootless:x:1001:1001::/:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
a broken line
`;
  assert.deepEqual(homesOf(passwd), ['/root', '/srv/homes/ada']);
});

// proves: the program that env looks up by its options is found
test('interpretersOf() reads the first line of a script, and the program that env looks up', () => {
  assert.deepEqual(interpretersOf('#!/bin/sh\necho'), ['/bin/sh']);
  assert.deepEqual(interpretersOf('#! /usr/bin/python3 -I\n'), ['/usr/bin/python3']);
  assert.deepEqual(interpretersOf('#!/usr/bin/env node\n'), ['/usr/bin/env', 'node']);
  assert.deepEqual(interpretersOf('#!/opt/own/env -S DEBUG=1 node --test\n'), ['/opt/own/env', 'node']);
  for (const words of [
    '--split-string=tool',
    '--split-string tool -x',
    '--split=tool',
    '-Stool',
    '-vStool',
    '-iS A=1 tool',
    '-S -u X tool',
    '-S --unset=X --chdir /tmp tool',
    '-S -i -C /tmp -- tool',
    `-S "tool" 'x'`,
    "-S'tool'",
    '-S\\_tool',
    '-S env A=1 tool',
    'A=1 tool',
  ])
    assert.deepEqual(interpretersOf(`#!/usr/bin/env ${words}\n`), ['/usr/bin/env', 'tool'], words);
  assert.deepEqual(interpretersOf('#! /usr/bin/env\n'), ['/usr/bin/env']);
  assert.deepEqual(interpretersOf('#!/bin/sh'), ['/bin/sh']);
  assert.deepEqual(interpretersOf('\u007fELF\u0002'), []);
  assert.deepEqual(interpretersOf('#!\n'), []);
});
