// The ports of postern's own metrics listener, which no plugin may reach. Pure.
import type { Server } from 'node:http';
import { parseHostPort } from '../../../shared/config/parse-host-port.js';

/**
 * @param server undefined where metrics are not served
 * @param configured the address as the user wrote it: a wildcard stays one
 */
export function endpointPorts(
  server: Server | undefined,
  configured: string,
): { readonly address: string; readonly port: number }[] {
  const bound = server?.address();
  if (typeof bound !== 'object' || bound === null) return [];
  const host = parseHostPort(configured)?.host;
  const address = host === 'localhost' ? bound.address : (host ?? bound.address);
  return [{ address, port: bound.port }];
}
