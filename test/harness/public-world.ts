// Stands in for the Internet in a test's network namespace: a DNS server with the names given as JSON, and an HTTP
// server on every address and each port given. Prints `ready DNS`, then a line `PORT ADDRESS` for each connection.
import { createServer } from 'node:http';
import { startNameServer, type Zone } from '../broker/name-server.js';

const [, , zone = '{}', ...ports] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const port of ports) {
  const server = createServer((request, response) => {
    response.setHeader('Connection', 'close');
    response.end(`served ${request.headers.host}\n`);
  });
  server.on('connection', (socket) => say(`${port} ${socket.localAddress?.replace(/^::ffff:/, '')}`));
  await new Promise<void>((resolve) => server.listen(Number(port), '::', resolve));
}
const dns = await startNameServer(JSON.parse(zone) as Zone, {}, { address: '198.51.100.2', port: 0 });
say(`ready ${dns.address}`);
process.stdin.resume().on('end', () => process.exit(0));
