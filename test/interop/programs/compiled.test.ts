import { PORTS } from './addresses.js';
import { compileGo, compileJava, compileMusl } from './compile.js';
import { testProgram, useNetwork } from './program.js';

const source = (name: string): URL => new URL(name, import.meta.url);
const go = compileGo(source('client.go'));
const classes = compileJava(source('Client.java'));
const musl = compileMusl(source('client.c'));
const network = useNetwork();

testProgram(network, {
  name: 'a static Go binary',
  ports: [PORTS.http],
  visible: () => [go],
  ask: (host) => `${go} ${host} ${PORTS.http}`,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /lookup closed\.example\.com on 127\.0\.0\.1:53: no such host/ },
    byAddress: { status: 1, says: /dial tcp 192\.31\.196\.12:8080: connect: permission denied/ },
  },
});

testProgram(network, {
  name: "Java's HttpClient",
  ports: [PORTS.http],
  visible: () => [classes],
  ask: (host) => `java -XX:TieredStopAtLevel=1 -cp ${classes} Client http://${host}:${PORTS.http}/`,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /java\.net\.ConnectException[\s\S]*UnresolvedAddressException/ },
    byAddress: { status: 1, says: /Permission denied/ },
  },
});

testProgram(network, {
  name: 'a program linked to musl',
  ports: [PORTS.http],
  visible: () => [musl],
  ask: (host) => `${musl} ${host} ${PORTS.http}`,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 1, says: /^getaddrinfo: Name does not resolve$/m },
    byAddress: { status: 1, says: /^connect: Permission denied$/m },
  },
});
