// A proxy of the pages: HTTP CONNECT to the sites, by their names or addresses. Prints `ready`, then each destination that it was asked for.
import { connect, createServer } from 'node:net';

const [, , sites = '{}', credentials = '', address = '', port = ''] = process.argv;
const addresses = JSON.parse(sites) as Readonly<Record<string, string>>;
const wanted = `Basic ${Buffer.from(credentials).toString('base64')}`;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (head: Buffer) => {
    const text = head.toString('latin1');
    const [, name = '', at = ''] = /^CONNECT ([^:]+):(\d+) HTTP\/1\.1\r\n/.exec(text) ?? [];
    const login = /^Proxy-Authorization: (.*)\r$/m.exec(text)?.[1];
    if (credentials !== '' && login !== wanted) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    say(`${name}:${at}`);
    const peer = connect(Number(at), addresses[name] ?? name, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(peer).pipe(socket);
    });
    peer.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
});
server.listen(Number(port), address, () => say('ready'));
