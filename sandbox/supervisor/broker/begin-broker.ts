// The first line to a broker, and the answer to it. Runs in the supervisor.
import { readlinkSync } from 'node:fs';
import { BROKER_START_TIMEOUT_MS } from '../../../shared/limits.js';
import { VERSION } from '../../../shared/own-files.js';
import { printable } from '../../../shared/printable.js';
import { type BrokerLine, LINK_VERSION, type ListenerAddress } from '../../../shared/protocol/link.js';
import { brokerFailed } from './broker-failed.js';
import type { BrokerLines } from './broker-lines.js';

export interface BrokerOptions {
  readonly becomeIds?: { readonly uid: number; readonly gid: number } | undefined;
  readonly dnsServers?: readonly string[] | undefined;
  /** Of postern itself. The broker loads before they are known. */
  readonly listeners: readonly ListenerAddress[] | Promise<readonly ListenerAddress[]>;
  /** Takes what a broker writes on stderr. Missing: it goes to this process's stderr. */
  readonly onWords?: ((text: string) => void) | undefined;
  /** Whether the audit log has room now; undefined if it loses events. Missing: it does. */
  readonly auditRoom?: (() => boolean | undefined) | undefined;
  /** Whether it is to serve for long. Missing: no. */
  readonly servesLong?: boolean | undefined;
}

/**
 * Resolves when the broker serves.
 *
 * @returns its version of postern
 * @throws PosternError `broker_failed` where it cannot, does not say so in time, or speaks another version of the link
 */
export async function beginBroker(lines: BrokerLines, options: BrokerOptions): Promise<string> {
  const listeners = await options.listeners;
  const auditRoom = options.auditRoom?.();
  const supervisorMounts = readlinkSync('/proc/self/ns/mnt');
  const { becomeIds, dnsServers, servesLong: rehearses = false } = options;
  lines.send({ type: 'start', becomeIds, dnsServers, listeners, auditRoom, supervisorMounts, rehearses });
  return lines.expect((line) => readyOf(line), BROKER_START_TIMEOUT_MS);
}

function readyOf(line: BrokerLine): string | undefined {
  if (line.type === 'failed')
    throw brokerFailed(printable(line.message), line.fix === undefined ? undefined : printable(line.fix));
  if (line.type !== 'ready') return undefined;
  const version = printable(line.version);
  if (/* protects: G11 a broker of another link serves nobody => true */ line.link === LINK_VERSION)
    return version;
  throw brokerFailed(
    `postern was installed anew: version ${version} of the broker does not fit the supervisor, which is of version ${VERSION}`,
    'start postern again',
  );
}
