import { PORTS } from './addresses.js';
import { testProgram, useNetwork } from './program.js';

const network = useNetwork();
/** Debian's python3, even if another one is first in PATH. */
const PYTHON = '/usr/bin/python3';

/** Without what a shell reads between double quotes. */
const ASYNCIO = `
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    writer.write(b'GET / HTTP/1.0\\r\\n\\r\\n')
    print((await reader.read()).decode())
asyncio.run(main())`;

testProgram(network, {
  name: 'Python requests',
  ports: [PORTS.http],
  ask: (host) =>
    `${PYTHON} -c 'import requests, sys; print(requests.get(sys.argv[1], timeout=20).text)' http://${host}:${PORTS.http}/`,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /NameResolutionError|Name or service not known/ },
    byAddress: { status: 1, says: /\[Errno 13\] Permission denied/ },
  },
});

testProgram(network, {
  name: 'Python asyncio',
  ports: [PORTS.http],
  ask: (host) => `${PYTHON} -c "${ASYNCIO}" ${host} ${PORTS.http}`,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /Name or service not known/ },
    byAddress: { status: 1, says: /\[Errno 13\]/ },
  },
});
