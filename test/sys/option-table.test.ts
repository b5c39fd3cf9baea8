import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type OptionKind, SOCKET_OPTIONS } from '../../shared/sys/option-table.js';
import { IPPROTO_IPV6, SOL_SOCKET } from '../../shared/sys/socket.js';

const HEADERS = ['stdio.h', 'sys/socket.h', 'netinet/in.h', 'linux/tcp.h', 'linux/udp.h', 'linux/netlink.h'];
/** Their values are read and written. Of the others the size does not matter. */
const CARRIED: readonly OptionKind[] = [
  'always',
  'buffer',
  'keep_alive',
  'with_keep_alive',
  'rare',
  'judged',
  'unix',
];
const carried = SOCKET_OPTIONS.filter(({ kind }) => CARRIED.includes(kind));

function program(): string {
  const numbers = SOCKET_OPTIONS.map(({ name }) => `  printf("${name} %d\\n", ${name});`);
  const sizes = carried.map(({ name, level }) => {
    const socket = level === SOL_SOCKET ? 'of_unix' : level === IPPROTO_IPV6 ? 'ipv6' : 'ipv4';
    return `  length = sizeof value, printf("${name} %d", getsockopt(${socket}, ${level}, ${name}, value, &length)), printf(" %d\\n", length);`;
  });
  return `${HEADERS.map((header) => `#include <${header}>`).join('\n')}
int main(void) {
  char value[64];
  socklen_t length;
  int ipv4 = socket(AF_INET, SOCK_STREAM, 0), ipv6 = socket(AF_INET6, SOCK_STREAM, 0), of_unix = socket(AF_UNIX, SOCK_STREAM, 0);
${[...numbers, ...sizes].join('\n')}
}
`;
}

test("every option has the number of the C compiler's headers, and those that are carried have the kernel's size", () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-options-'));
  try {
    const file = join(folder, 'options');
    writeFileSync(`${file}.c`, program());
    const built = spawnSync('cc', ['-o', file, `${file}.c`], { encoding: 'utf8' });
    assert.equal(built.status, 0, built.stderr);
    const told = spawnSync(file, { encoding: 'utf8' }).stdout.trim().split('\n');
    const ours = SOCKET_OPTIONS.map(({ name, number }) => `${name} ${number}`);
    assert.deepEqual(told, [...ours, ...carried.map(({ name, bytes }) => `${name} 0 ${bytes}`)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('no option stands twice', () => {
  const keys = SOCKET_OPTIONS.map(({ level, number }) => `${level} ${number}`);
  assert.equal(new Set(keys).size, keys.length);
});
