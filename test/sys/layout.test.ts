import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LAYOUT } from '../../shared/sys/layout.js';

const HEADERS = [
  'stddef.h',
  'stdio.h',
  'signal.h',
  'poll.h',
  'netinet/in.h',
  'sys/socket.h',
  'sys/resource.h',
  'sys/uio.h',
  'sys/un.h',
  'net/if.h',
  'linux/mount.h',
  'linux/landlock.h',
  'linux/seccomp.h',
  'linux/filter.h',
  'linux/netlink.h',
  'linux/rtnetlink.h',
  'linux/inet_diag.h',
  'linux/unix_diag.h',
  'linux/tcp.h',
  'sys/time.h',
  'time.h',
  'sys/epoll.h',
  'sys/stat.h',
  'asm/termbits.h',
  'seccomp.h',
  'link.h',
];

function program(): string {
  const lines = Object.entries(LAYOUT).flatMap(([type, fields]) =>
    Object.keys(fields).map((field) => {
      const expression = field === 'size' ? `sizeof(${type})` : `offsetof(${type}, ${field})`;
      return `  printf("${type}.${field} %zu\\n", ${expression});`;
    }),
  );
  const includes = HEADERS.map((header) => `#include <${header}>`).join('\n');
  return `#define _GNU_SOURCE\n${includes}\nint main(void) {\n${lines.join('\n')}\n}\n`;
}

test('every structure has the size and offsets that a C compiler gives it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-layout-'));
  try {
    writeFileSync(join(folder, 'layout.c'), program());
    const built = spawnSync('cc', ['-o', join(folder, 'layout'), join(folder, 'layout.c')], {
      encoding: 'utf8',
    });
    assert.equal(built.status, 0, built.stderr);
    const told = spawnSync(join(folder, 'layout'), { encoding: 'utf8' }).stdout;
    const ours = Object.entries(LAYOUT).flatMap(([type, fields]) =>
      Object.entries(fields).map(([field, value]) => `${type}.${field} ${value}`),
    );
    assert.deepEqual(told.trim().split('\n'), ours);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
