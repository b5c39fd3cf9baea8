import { CLOSED_NAME, OPEN_NAME, PORTS } from './addresses.js';
import { testProgram, useNetwork } from './program.js';

const network = useNetwork();
const node = (source: string, ...args: string[]): string =>
  [`'${process.execPath}'`, '--input-type=module', '-e', `'${source}'`, ...args].join(' ');

/** Where the tests run under a Node that lies in no folder of the system's. */
const visible = (): readonly string[] => [process.execPath];

const FETCH = 'console.log(await (await fetch(process.argv[1])).text())';
const HTTP = `
  import { get } from "node:http";
  get(process.argv[1], (response) => response.pipe(process.stdout));`;
/** c-ares asks the servers of resolv.conf by itself. Node then connects to the address. */
const C_ARES = `
  import { resolve4 } from "node:dns/promises";
  import { connect } from "node:net";
  const [address] = await resolve4(process.argv[1]);
  connect(${PORTS.http}, address).end("GET / HTTP/1.0\\r\\n\\r\\n").pipe(process.stdout);`;
const url = (host: string): string => `http://${host}:${PORTS.http}/`;

testProgram(network, {
  name: 'fetch of Node',
  visible,
  ports: [PORTS.http],
  ask: (host) => node(FETCH, url(host)),
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /getaddrinfo ENOTFOUND closed\.example\.com/ },
    byAddress: { status: 1, says: /connect EACCES 192\.31\.196\.12:8080/ },
  },
});

testProgram(network, {
  name: 'node:http',
  visible,
  ports: [PORTS.http],
  ask: (host) => node(HTTP, url(host)),
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /getaddrinfo ENOTFOUND closed\.example\.com/ },
    byAddress: { status: 1, says: /connect EACCES 192\.31\.196\.12:8080/ },
  },
  alsoDone: [{ command: node(C_ARES, OPEN_NAME), prints: /^welcome$/m }],
  alsoRefused: [
    { command: node(C_ARES, CLOSED_NAME), status: 1, says: /queryA ENOTFOUND closed\.example\.com/ },
  ],
});
