// A program that runs another one as a plugin, by the library of a compiled tree: DIST PORT COMMAND… Its streams are the plugin's. The plugin starts when
// the broker has had time to rehearse.
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { createSupervisor as Create } from '../../sandbox/library/index.js';

const REHEARSAL_MS = 1_500;

const [, , dist = '', port = '', ...command] = process.argv;
const { createSupervisor } = (await import(pathToFileURL(join(dist, 'sandbox/library/index.js')).href)) as {
  createSupervisor: typeof Create;
};
await using supervisor = await createSupervisor();
await setTimeout(REHEARSAL_MS);
const plugin = await supervisor.start({
  name: 'bench',
  command,
  allow: [`127.0.0.1:${port}`],
  limits: { requests_per_second: 1_000_000, log_lines_per_second: 1_000_000 },
  stdio: 'inherit',
});
await plugin.exited;
