// Builds without protections, by the names of the protections. Tests show with them that an attempt succeeds once its protections are gone.
import { bundlePrograms } from '../../deploy/bundle-programs.js';
import type { Bundle } from '../../shared/own-files.js';
import { copyPrograms } from './copy-programs.js';
import { type Mutation, mutate } from './mutant.js';

/** The supervisor expects no trap. */
const NO_TRAP: Mutation = {
  file: 'sandbox/launch/spec',
  right: "return egress === 'transparent'",
  wrong: 'return false',
};
const launcher = (file: string, right: string, wrong: string): Mutation => ({
  file: `sandbox/launch/${file}`,
  right,
  wrong,
});

const SUPERVISORS: readonly Bundle[] = ['postern-main', 'run-main'];
/** Modules of the launcher that the supervisor has too. */
const SHARED = ['sandbox/launch/spec', 'sandbox/launch/enter-landlock'];

/** The programs that have a module, of those that the mutations here change. The supervisor compiles the filters. */
function bundlesWith({ file }: Mutation): readonly Bundle[] {
  if (file === 'sandbox/launch/filters') return SUPERVISORS;
  return SHARED.includes(file) ? ['launcher', ...SUPERVISORS] : ['launcher'];
}

/** Every other name is that of a group of the filters. */
export const PROTECTIONS: Readonly<Record<string, readonly Mutation[]>> = {
  seccomp: [launcher('main', 'loadFilter(spec.filter)', 'undefined'), NO_TRAP],
  trap: [launcher('filters', "return egress === 'transparent'", 'return false'), NO_TRAP],
  reported_error_queue: [launcher('filters', "...errorQueueReads('notify'),", '')],
  reported_pairs: [launcher('filters', "[datagramPairs('notify')]", '[]')],
  /** As where Landlock does not keep datagrams within the sandbox. */
  own_datagrams: [launcher('enter-landlock', 'return version >= LANDLOCK_UNIX;', 'return false;')],
  landlock: [launcher('main', 'enterLandlock(spec);', '')],
  capabilities: [launcher('main', 'dropAllCapabilities();', '')],
  readonly: [launcher('build-root', 'entry.writable ? 0', 'true ? 0')],
  hidden: [launcher('build-root', 'hidden.hide(entry.path, entry.directory, entry.ifThere)', 'false')],
  proc: [
    launcher('build-root', 'maskProc(STAGE, hidden);', ''),
    launcher('build-root', 'makeMountReadOnly(`', '((_path) => {})(`'),
  ],
};

/** @param names of {@link PROTECTIONS}, or of groups of the filters */
export function mutationsWithout(names: readonly string[]): readonly Mutation[] {
  const groups = names.filter((name) => !(name in PROTECTIONS));
  const strange = groups.find((name) => !name.startsWith('seccomp.'));
  if (strange !== undefined) throw new Error(`No protection "${strange}"`);
  const kept = `!${JSON.stringify(groups)}.includes(group.name)`;
  return [
    ...new Set(names.flatMap((name) => PROTECTIONS[name] ?? [])),
    ...(groups.length === 0
      ? []
      : [launcher('filters', 'const kept = (group) => ', `const kept = (group) => ${kept} && `)]),
  ];
}

const made = new Map<string, string>();

/** @returns a separate dist without these protections, made once a process, which every user may read */
export function distWithout(names: readonly string[]): string {
  const key = names.join();
  const dist = made.get(key) ?? makeDist(names);
  made.set(key, dist);
  return dist;
}

function makeDist(names: readonly string[]): string {
  const dist = copyPrograms();
  const mutations = mutationsWithout(names);
  for (const mutation of mutations) mutate(dist, mutation);
  bundlePrograms(dist, [...new Set(mutations.flatMap(bundlesWith))]);
  return dist;
}
