// The addresses of the tests' own network. They are from blocks that are public to the policy (those of AS112, globally reachable by
// IANA's registries), and no test's host has a route to them.

/** Where postern runs. */
export const HOST = { four: '192.31.196.1', six: '2001:4:112::1' } as const;

/** The addresses of `open.example.com`; a rule allows the name, and no rule allows the addresses. */
export const BY_NAME = { four: '192.31.196.10', six: '2001:4:112::10' } as const;

/** Addresses that a rule allows; no name resolves to them. */
export const BY_ADDRESS = { four: '192.31.196.11', six: '2001:4:112::11' } as const;

/** The addresses of `closed.example.com`, which no rule allows. */
export const CLOSED = { four: '192.31.196.12', six: '2001:4:112::12' } as const;

export const NAME_SERVER = '192.31.196.53';
export const OPEN_NAME = 'open.example.com';
export const CLOSED_NAME = 'closed.example.com';

/** Ports of the servers. At the open addresses something answers, at the closed ones a listener counts connections. */
export const PORTS = { http: 8080, otherHttp: 8081, postgres: 5432, redis: 6379, ssh: 2222 } as const;

/** The addresses of a server that must be reached. */
export const OPEN_ADDRESSES: readonly string[] = [BY_NAME.four, BY_NAME.six, BY_ADDRESS.four, BY_ADDRESS.six];
