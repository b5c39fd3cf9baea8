// Spawns a broker before its supervisor is loaded, see broker/early-broker.ts.
import { ownPrivileges } from '../host/privileges.js';
import { type ForkedBroker, forkBroker } from './broker/fork-broker.js';
import { prepareOwnProcess } from './prepare-own-process.js';

/** @returns undefined where it cannot be spawned. The start that follows meets the same reason, and tells it */
export function forkEarly(): ForkedBroker | undefined {
  try {
    const asRoot = ownPrivileges() === 'root';
    prepareOwnProcess();
    return forkBroker(asRoot);
  } catch {
    return undefined;
  }
}
