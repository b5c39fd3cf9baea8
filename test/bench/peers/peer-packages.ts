// Where the peers come from.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Debian packages: the peers, and the load generators ab and redis-benchmark. */
export const DEBIAN_PACKAGES: readonly string[] = [
  ...['microsocks', 'tinyproxy', 'squid', 'passt', 'slirp4netns', 'bubblewrap', 'firejail', 'runc'],
  // sandbox-runtime needs these two.
  ...['socat', 'ripgrep'],
  ...['apache2-utils', 'nginx-light', 'redis-server', 'redis-tools'],
];

/** The npm package, and the version that is compared. */
export const SANDBOX_RUNTIME = '@anthropic-ai/sandbox-runtime@0.0.83';

/** The folder of npm's peers, outside of the checkout. It is safe to delete. */
export const NPM_PEERS: string = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'postern-bench',
);
