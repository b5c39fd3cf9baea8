// postern as a library: `import { createSupervisor } from 'postern'`. See docs/library.md.
import { PosternError } from '../../shared/errors.js';
import { KeptSupervisor } from './kept-supervisor.js';
import { readSettings } from './read-settings.js';
import { requireMainThread } from './spawn.js';
import type { PosternSupervisor, SupervisorSettings } from './types.js';

export type { AuditEvent } from '../../shared/protocol/audit-events.js';
export { spawn } from './spawn.js';
export type * from './types.js';
export { wrap } from './wrap.js';
export { PosternError };

/**
 * Starts a supervisor with a broker of its own. An application may have several. Everything ends with `close`, and
 * with this process, however it ends.
 *
 * @param settings each may be missing. Without one there is no port, no audit log and no control socket
 * @returns the supervisor, whose broker serves. It has no plugin yet
 * @throws PosternError as docs/errors.md lists, for example `bad_config`, `old_kernel`, `missing_capabilities`, `metrics_address`,
 *   `control_socket`, `wrong_thread`. Nothing is left running
 * @example
 * import { createSupervisor } from 'postern';
 *
 * await using supervisor = await createSupervisor({ metrics: '127.0.0.1:9464' });
 * supervisor.on('denied', ({ message }, { name }) => console.error(`${name}: ${message}`));
 * const plugin = await supervisor.start({ name: 'hello', command: ['echo', 'hello'], stdio: 'inherit' });
 * await plugin.exited;
 */
export async function createSupervisor(settings: SupervisorSettings = {}): Promise<PosternSupervisor> {
  requireMainThread();
  return new KeptSupervisor(readSettings(settings)).open();
}
