// What two servers could read in two ways never reaches the upstream. The cases are those of the published lists: two lengths, odd spellings of the transfer
// encoding, odd white space and line ends, odd targets, more than one host, and the same by HTTP/2.
import assert from 'node:assert/strict';
import { connect as http2Connect, type OutgoingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { HOST, startWorld } from './worlds.js';

const HOST_LINE = `Host: ${HOST}`;
const CHUNKED = 'Transfer-Encoding: chunked';
const EMPTY = '0\r\n\r\n';
/** Behind a body that is cut short: it must not be read as a request. */
const NEXT = `GET /smuggled HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`;

const post = (lines: readonly string[], body = ''): string =>
  ['POST /a HTTP/1.1', HOST_LINE, ...lines, '', body].join('\r\n');

const REFUSED: Readonly<Record<string, string>> = {
  'both lengths': post(['Content-Length: 5', CHUNKED], `${EMPTY}${NEXT}`),
  'both lengths, the other way round': post([CHUNKED, 'Content-Length: 5'], `${EMPTY}${NEXT}`),
  'two lengths': post(['Content-Length: 0', 'Content-Length: 5'], NEXT),
  'two equal lengths': post(['Content-Length: 5', 'Content-Length: 5'], 'hello'),
  'a list of lengths': post(['Content-Length: 5, 5'], 'hello'),
  'a length with a sign': post(['Content-Length: +5'], 'hello'),
  'a negative length': post(['Content-Length: -1'], ''),
  'a length in hexadecimal': post(['Content-Length: 0x5'], 'hello'),
  'a huge length': post(['Content-Length: 99999999999999999999'], ''),
  'no length': post(['Content-Length: '], NEXT),
  'two encodings': post([CHUNKED, 'Transfer-Encoding: identity'], EMPTY),
  'two equal encodings': post([CHUNKED, CHUNKED], EMPTY),
  'a list of encodings': post(['Transfer-Encoding: gzip, chunked'], EMPTY),
  'an encoding behind chunked': post(['Transfer-Encoding: chunked, identity'], EMPTY),
  'another encoding': post(['Transfer-Encoding: xchunked'], EMPTY),
  'another encoding, with a request behind': post(['Transfer-Encoding: xchunked'], NEXT),
  'a quoted encoding': post(['Transfer-Encoding: "chunked"'], EMPTY),
  'an encoding with a parameter': post(['Transfer-Encoding: chunked;a=b'], EMPTY),
  'a vertical tab in the encoding': post(['Transfer-Encoding: \x0bchunked'], EMPTY),
  'a space before the colon': post(['Transfer-Encoding : chunked', 'Content-Length: 5'], EMPTY),
  'a tab before the colon': post(['Transfer-Encoding\t: chunked'], EMPTY),
  'a line that is folded': post(['X-A: b', ' Transfer-Encoding: chunked'], EMPTY),
  'a folded value': post(['Transfer-Encoding:', ' chunked'], EMPTY),
  'a space before the first header': `POST /a HTTP/1.1\r\n ${HOST_LINE}\r\n\r\n`,
  'a header without a colon': post(['X-A']),
  'a header without a name': post([': x']),
  'a NUL in a name': post(['X-\0A: b']),
  'a NUL in a value': post(['X-A: b\0c']),
  'a bare CR in a value': post(['X-A: b\rTransfer-Encoding: chunked'], EMPTY),
  'bare LF as line ends': `POST /a HTTP/1.1\n${HOST_LINE}\nContent-Length: 5\n\nhello`,
  'a bare LF before a header': `POST /a HTTP/1.1\r\n${HOST_LINE}\r\nX-A: b\nContent-Length: 5\r\n\r\nhello`,
  'letters behind the size of a chunk': post([CHUNKED], `5 x\r\nhello\r\n${EMPTY}`),
  'a size with a sign': post([CHUNKED], `+5\r\nhello\r\n${EMPTY}`),
  'a size in 0x': post([CHUNKED], `0x5\r\nhello\r\n${EMPTY}`),
  'a huge size': post([CHUNKED], `FFFFFFFFFFFFFFFFF\r\nhello\r\n${EMPTY}`),
  'a chunk that is longer than its size': post([CHUNKED], `3\r\nhello\r\n${EMPTY}`),
  'two hosts': `GET /a HTTP/1.1\r\n${HOST_LINE}\r\nHost: other.example.com\r\n\r\n`,
  'two equal hosts': `GET /a HTTP/1.1\r\n${HOST_LINE}\r\n${HOST_LINE}\r\n\r\n`,
  'no host': 'GET /a HTTP/1.1\r\n\r\n',
  'an empty host': 'GET /a HTTP/1.1\r\nHost: \r\n\r\n',
  'another host': 'GET /a HTTP/1.1\r\nHost: other.example.com\r\n\r\n',
  'another host, with a request behind': `GET /a HTTP/1.1\r\nHost: other.example.com\r\n\r\n${NEXT}`,
  'a user before the host': `GET /a HTTP/1.1\r\nHost: ${HOST}@other.example.com\r\n\r\n`,
  'another port': `GET /a HTTP/1.1\r\nHost: ${HOST}:8443\r\n\r\n`,
  'a final dot': `GET /a HTTP/1.1\r\nHost: ${HOST}.\r\n\r\n`,
  'an absolute target': `GET https://${HOST}/a HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'an absolute target of another host': `GET https://other.example.com/a HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'an asterisk as the target': `OPTIONS * HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'a target without a slash': `GET a HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'a fragment': `GET /a#b HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'a letter that is not ASCII': `GET /\xe9 HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'a space in the target': `GET /a b HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'a tunnel': `CONNECT ${HOST}:443 HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'HTTP/1.0': `GET /a HTTP/1.0\r\n${HOST_LINE}\r\n\r\n`,
  'HTTP/0.9': 'GET /a\r\n\r\n',
  'another version': `GET /a HTTP/1.2\r\n${HOST_LINE}\r\n\r\n`,
  'another protocol': `GET /a ICE/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'an unknown method': `SMUGGLE /a HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'a method with white space': ` GET /a HTTP/1.1\r\n${HOST_LINE}\r\n\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'another upgrade': `GET /a HTTP/1.1\r\n${HOST_LINE}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
  'an upgrade with a length': `GET /a HTTP/1.1\r\n${HOST_LINE}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n`,
  'bytes behind an upgrade': `GET /a HTTP/1.1\r\n${HOST_LINE}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${NEXT}`,
  'a refused head, with an upgrade behind': `GET /a#b HTTP/1.1\r\n${HOST_LINE}\r\n\r\nGET /smuggled HTTP/1.1\r\n${HOST_LINE}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  'a second host behind many headers': `GET /a HTTP/1.1\r\n${HOST_LINE}\r\nConnection: close\r\n${'a:\r\n'.repeat(2500)}Host: other.example.com\r\n\r\n`,
  'too many headers': post([`X-A: ${'a'.repeat(40_000)}`]),
};

for (const [name, bytes] of Object.entries(REFUSED)) {
  // proves: gateway: a repeated header of the framing is refused
  // proves: gateway: another transfer encoding than chunked is refused
  // proves: gateway: a target of another form than a path is refused
  // proves: gateway: a target with odd bytes is refused
  // proves: gateway: CONNECT makes no tunnel
  // proves: gateway: the parser is strict
  // proves: gateway: an upgrade with a body is refused
  // proves: gateway: nothing behind a refused head is read as a request
  // proves: gateway: behind a refused head no WebSocket begins
  // proves: gateway: no header is hidden from what decides
  test(`HTTP/1.1: ${name} never reaches the upstream as a request`, async () => {
    const world = await startWorld({ upstreamHttp2: false });
    try {
      const socket = await world.open(['http/1.1']);
      socket.write(Buffer.from(bytes, 'latin1'));
      const answer = await text(socket);
      assert.match(answer, /^HTTP\/1\.1 4(?:00|21) /);
      assert.equal(answer.match(/^HTTP\/1\.1 /gm)?.length, 1, answer);
      // Whatever got through would be there before this one.
      const next = await world.open(['http/1.1']);
      next.write(`GET /next HTTP/1.1\r\n${HOST_LINE}\r\nConnection: close\r\n\r\n`);
      assert.match(await text(next), /^HTTP\/1\.1 200 /);
      assert.deepEqual(
        world.seen.map(({ path }) => path),
        ['/next'],
      );
      assert.ok(!world.events.some(({ path }) => path === '/smuggled'));
    } finally {
      await world.close();
    }
  });
}

const GOOD = { ':method': 'GET', ':path': '/a', ':authority': HOST, ':scheme': 'https' };
const REFUSED_BY_HTTP2: Readonly<Record<string, OutgoingHttpHeaders>> = {
  'another host': { ...GOOD, host: 'other.example.com' },
  'another authority': { ...GOOD, ':authority': 'other.example.com' },
  'another scheme': { ...GOOD, ':scheme': 'http' },
  'an absolute path': { ...GOOD, ':path': `https://${HOST}/a` },
  'a space in the path': { ...GOOD, ':path': '/a HTTP/1.1\tx' },
  'an asterisk': { ...GOOD, ':method': 'OPTIONS', ':path': '*' },
  'a tunnel': { ':method': 'CONNECT', ':authority': HOST },
  'a tunnel in small letters': { ...GOOD, ':method': 'connect' },
  'a method in small letters': { ...GOOD, ':method': 'delete' },
  'an asterisk as the method': { ...GOOD, ':method': '*' },
};

for (const [name, headers] of Object.entries(REFUSED_BY_HTTP2)) {
  // proves: gateway: a method in other letters is refused
  test(`HTTP/2: ${name} never reaches the upstream`, async () => {
    const world = await startWorld();
    try {
      const socket = await world.open(['h2']);
      const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
      const stream = session.request(headers, { endStream: true });
      const status = await new Promise((resolve) => {
        stream.on('error', () => {}).on('close', () => resolve(0));
        stream.on('response', (fields) => resolve(fields[':status']));
        stream.resume();
      });
      assert.ok(status === 400 || status === 421 || status === 0, String(status));
      session.destroy();
      assert.deepEqual([world.seen, world.connections()], [[], 0]);
    } finally {
      await world.close();
    }
  });
}
