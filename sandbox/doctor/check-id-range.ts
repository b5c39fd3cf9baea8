// As root each sandbox gets its own host ids. Where postern itself runs in a user namespace, they must be mapped there.

import { AS_USER } from '../host/container-fix.js';
import { RANGE_SIZE } from '../host/id-range.js';
import { type HostCheck, missing, type Outcome, ok } from './check-result.js';
import type { HostFacts } from './host-facts.js';

/** One range for the broker, and one for a plugin. */
const LEAST_IDS = 2 * RANGE_SIZE;

interface Range {
  readonly start: number;
  readonly count: number;
}

export const ID_RANGE_CHECK: HostCheck = {
  name: 'id range',
  needed: `${LEAST_IDS} host ids for plugins, where root starts postern`,
  judge,
};

function judge(facts: HostFacts): Outcome {
  const { root, uidMap, gidMap, subordinate } = facts;
  if (!root) return ok('not needed: started by an ordinary user');
  const mapped = common(readMap(uidMap), readMap(gidMap));
  const { base, count, configured } = subordinate;
  const source = configured ? "/etc/subuid's entry for postern" : 'the default';
  const taken = `${base} to ${base + count - 1}, ${source}`;
  if (count < LEAST_IDS)
    return missing(`${count} ids: ${taken}`, `Give "postern" ${LEAST_IDS} ids or more in /etc/subuid.`);
  if (mapped.some(({ start, count: size }) => start <= base && base + LEAST_IDS <= start + size))
    return ok(taken);
  return missing(
    `${describe(mapped)} mapped by /proc/self/uid_map and gid_map, and postern takes ${taken}`,
    fixFor(mapped, facts),
  );
}

/** Ids of this user namespace, user_namespaces(7): ID-inside ID-outside length. */
function readMap(text: string): readonly Range[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((fields) => fields.length === 3)
    .map(([start = 0, , count = 0]) => ({ start, count }));
}

function common(uids: readonly Range[], gids: readonly Range[]): readonly Range[] {
  return uids
    .flatMap((uid) =>
      gids.map((gid) => {
        const start = Math.max(uid.start, gid.start);
        return { start, count: Math.min(uid.start + uid.count, gid.start + gid.count) - start };
      }),
    )
    .filter(({ count }) => count > 0);
}

function describe(ranges: readonly Range[]): string {
  if (ranges.length === 0) return 'no ids are';
  return `ids ${ranges.map(({ start, count }) => `${start} to ${start + count - 1}`).join(', ')} are`;
}

/** Ids below 65,536 belong to the users of the container itself. */
function fixFor(mapped: readonly Range[], { container }: HostFacts): string {
  for (const { start, count } of mapped) {
    const from = Math.max(start, RANGE_SIZE);
    const ranges = Math.floor((start + count - from) / RANGE_SIZE);
    if (ranges >= 2)
      return `Name ids that are mapped:\n  echo 'postern:${from}:${ranges * RANGE_SIZE}' >>/etc/subuid`;
  }
  const users = mapped.some(({ start, count }) => start <= 1000 && start + count > 1000);
  const asUser = {
    docker: `: docker run ${AS_USER.join(' ')} …`,
    podman: `: podman run ${AS_USER.join(' ')} …`,
    kubernetes: ': securityContext: {runAsUser: 1000, runAsGroup: 1000}',
    systemd: ': User= in the unit.',
    other: '.',
  }[container?.kind ?? 'other'];
  return users
    ? `Start postern as an ordinary user, which needs no ids${asUser}\nOr map ${LEAST_IDS} more ids into this user namespace.`
    : `Start postern outside of this user namespace, or map ${LEAST_IDS} more ids into it.`;
}
