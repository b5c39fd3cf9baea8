// What the page says that a program sees is what a program sees.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser } from '../../harness/asked.js';
import { postern } from '../../harness/postern.js';

const page = readFileSync(new URL('../../../../docs/how-to/when-it-fails.md', import.meta.url), 'utf8');

const TRIES = `
import errno, socket
def tell(what, work):
    try:
        work()
    except OSError as error:
        print(what, error.strerror if isinstance(error, socket.gaierror) else errno.errorcode[error.errno])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tell("connect", lambda: socket.create_connection(("192.0.2.7", 80)))
tell("udp", lambda: udp.connect(("192.0.2.7", 80)))
tell("sendto", lambda: udp.sendto(b"x", ("192.0.2.7", 80)))
tell("name", lambda: socket.getaddrinfo("unknown.example.com", 80))
tell("write", lambda: open("/usr/new", "w"))
tell("loopback", lambda: socket.create_connection(("127.0.0.1", 9)))
`;

/** What the program sees, and words of its row. */
const ROWS: Readonly<Record<string, readonly [seen: RegExp, row: RegExp]>> = {
  connect: [/^EACCES$/, /^\| EACCES, .* from connect\(2\) \| no rule allows/m],
  udp: [/^EACCES$/, /^\| the same, from connect\(2\) of a UDP socket /m],
  sendto: [/^ENETUNREACH$/, /^\| ENETUNREACH, .* from sendto\(2\) \| UDP/m],
  name: [
    /^Name or service not known$/,
    /^\| NXDOMAIN, .*"Name or service not known" \| no rule allows the name/m,
  ],
  write: [/^(EACCES|EROFS)$/, /^\| the same, from open\(2\), or "Read-only file system"; /m],
  loopback: [/^ECONNREFUSED$/, /^\| ECONNREFUSED \|/m],
};

for (const user of anyUser)
  test(`a program sees what the page says (${user})`, async () => {
    const { stdout } = await postern(['run', '--', '/usr/bin/python3', '-c', TRIES], { as: user });
    const seen = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ (.*)/, 2) as [string, string]),
    );
    for (const [what, [word, row]] of Object.entries(ROWS)) {
      assert.match(seen.get(what) ?? '', word, `${what} in\n${stdout}`);
      assert.match(page, row);
    }
  });
