// postern as a library: `import { createSupervisor } from 'postern'`. See docs/library.md.
import { KeptSupervisor } from './kept-supervisor.js';
import type { PosternSupervisor, SupervisorSettings } from './types.js';

export { PosternError } from '../../shared/errors.js';
export type * from './types.js';

/**
 * Starts a supervisor with a broker of its own. An application may have several. Everything ends with `close`, and
 * with this process, however it ends.
 *
 * @throws PosternError as docs/errors.md lists, for example `old_kernel`, `missing_capabilities`, `metrics_address`. Nothing is left running
 */
export function createSupervisor(settings: SupervisorSettings = {}): Promise<PosternSupervisor> {
  return new KeptSupervisor(settings).open();
}
