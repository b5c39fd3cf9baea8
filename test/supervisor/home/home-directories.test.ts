import assert from 'node:assert/strict';
import { test } from 'node:test';
import { homesOf } from '../../../sandbox/supervisor/home/home-directories.js';
import { interpreterOf } from '../../../sandbox/supervisor/root/find-interpreter.js';

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
test('interpreterOf() reads the first line of a script, and the program that env looks up', () => {
  assert.equal(interpreterOf('#!/bin/sh\necho'), '/bin/sh');
  assert.equal(interpreterOf('#! /usr/bin/python3 -I\n'), '/usr/bin/python3');
  assert.equal(interpreterOf('#!/usr/bin/env node\n'), 'node');
  assert.equal(interpreterOf('#!/usr/bin/env -S DEBUG=1 node --test\n'), 'node');
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
    assert.equal(interpreterOf(`#!/usr/bin/env ${words}\n`), 'tool', words);
  assert.equal(interpreterOf('#! /usr/bin/env\n'), '/usr/bin/env');
  assert.equal(interpreterOf('#!/bin/sh'), '/bin/sh');
  assert.equal(interpreterOf('\u007fELF\u0002'), undefined);
  assert.equal(interpreterOf('#!\n'), undefined);
});
