import { startPostgres } from '../postgres-server.js';
import { startRedis } from '../redis-server.js';
import { serverFolder } from '../server.js';
import { BY_ADDRESS, CLOSED_NAME, OPEN_ADDRESSES, OPEN_NAME, PORTS } from './addresses.js';
import { testProgram, useNetwork } from './program.js';

const network = useNetwork(({ town: inside }) => {
  const at = { addresses: OPEN_ADDRESSES, inside };
  return Promise.all([
    startPostgres({ ...at, folder: serverFolder(), port: PORTS.postgres }),
    startRedis({ ...at, folder: serverFolder(), port: PORTS.redis }),
  ]);
});

const psql = (host: string): string =>
  `psql -XAt -h ${host} -p ${PORTS.postgres} -U app -d postgres -c "SELECT 'wel' || 'come'"`;
const redis = (host: string): string => `redis-cli -e -h ${host} -p ${PORTS.redis}`;
const echo = (host: string): string => `curl -sS --data-binary @- http://${host}:${PORTS.http}/`;

testProgram(network, {
  name: 'psql',
  ports: [PORTS.postgres],
  ask: psql,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 2, says: /could not translate host name "closed\.example\.com" to address/ },
    byAddress: { status: 2, says: /"192\.31\.196\.12", port 5432 failed: Permission denied/ },
  },
});

testProgram(network, {
  name: 'redis-cli',
  ports: [PORTS.redis],
  ask: (host) => `${redis(host)} PING`,
  prints: /^PONG$/m,
  refused: {
    byName: { status: 1, says: /Could not connect to Redis at closed\.example\.com:6379: Name or service/ },
    byAddress: { status: 1, says: /Could not connect to Redis at 192\.31\.196\.12:6379: Permission denied/ },
  },
});

testProgram(network, {
  name: 'a pipeline of psql, redis-cli and curl',
  ports: [PORTS.postgres, PORTS.redis, PORTS.http],
  ask: (host) =>
    [
      `key=$RANDOM$RANDOM && ${psql(OPEN_NAME)} | ${redis(BY_ADDRESS.four)} -x SET $key >&2`,
      `${redis(OPEN_NAME)} GET $key | ${echo(host)} | tr a-z A-Z`,
    ].join(' && '),
  prints: /^WELCOME$/m,
  refused: {
    byName: { status: 6, says: /Could not resolve host/ },
    byAddress: { status: 7, says: /Failed to connect/ },
  },
  // The first of the pipe alone.
  alsoRefused: [
    {
      command: `${psql(CLOSED_NAME)} | ${echo(OPEN_NAME)}`,
      status: 2,
      says: /could not translate host name/,
    },
  ],
});
