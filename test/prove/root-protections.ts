// The root that a plugin gets: each mount and its flags.
import type { Protection } from './protection.js';

const isRoot = process.geteuid?.() === 0;
const MOUNTS = { file: 'sandbox/launch/build-root', tests: ['escape/mounts'], pattern: '.user' };
const EMPTY_TMPFS = "MS.NOSUID | MS.NODEV, 'mode=0755,size=16m'";

/** As a user the copies are in a mount namespace whose mounts are already private. */
const AS_ROOT: readonly Protection[] = [
  {
    name: 'supervisor: folders above what is hidden within a writable one are pinned',
    file: 'sandbox/supervisor/root/root-layers',
    right: 'layers: pinned(withoutRepetitions([...shown, ...hidden]))',
    wrong: 'layers: withoutRepetitions([...shown, ...hidden])',
    tests: ['escape/exchanged-paths'],
    pattern: 'cannot move the folders',
  },
  {
    name: 'supervisor: a path through a link of the plugin is refused',
    file: 'sandbox/supervisor/files/path-problems',
    right: 'const link = inside.find(',
    wrong: 'const link = [].find(',
    tests: ['escape/exchanged-paths'],
    pattern: 'a link that a plugin could have put',
  },
  {
    name: 'supervisor: a path through what another plugin may write is refused',
    file: 'sandbox/supervisor/files/path-problems',
    right: 'verb === RUNS : inside.length === 0',
    wrong: 'verb === RUNS : true',
    tests: ['escape/exchanged-paths'],
    pattern: 'what another plugin may write',
  },
  {
    name: 'supervisor: a rule for a socket that a plugin could replace is refused',
    file: 'sandbox/supervisor/files/socket-problems',
    right: ': inside.length > 0',
    wrong: ': false',
    tests: ['supervisor/files/socket-problems', 'integration/unix-rules'],
    pattern: 'could replace',
  },
  {
    name: "supervisor: a link in the plugin's folder shows nothing by itself",
    file: 'sandbox/supervisor/root/command-paths',
    right: 'if (isPlugins(path))',
    wrong: 'if (false)',
    tests: ['escape/exchanged-paths'],
    pattern: 'shows nothing by itself',
  },
  {
    name: "supervisor: postern's own files are read-only within writable folders",
    file: 'sandbox/supervisor/root/plan-root',
    right: '...protectedFiles(request, host),',
    wrong: '',
    tests: ['escape/exchanged-paths'],
    pattern: 'no file of postern',
  },
  {
    name: 'supervisor: the audit file is no link',
    file: 'sandbox/supervisor/record/audit-sink',
    right: 'flags | O_NOFOLLOW',
    wrong: 'flags',
    tests: ['supervisor/record/audit-sink'],
    pattern: 'through a link',
  },
  {
    name: 'supervisor: no path shows the whole file system by a link',
    file: 'sandbox/supervisor/files/require-paths',
    right: "if (real === '/')",
    wrong: "if (path === '/')",
    tests: ['supervisor/files/require-paths'],
    pattern: 'leads to the whole file system',
  },
  {
    name: 'root: no mount passes between the host and a sandbox',
    file: 'shared/sys/mount',
    right: 'makeTreePrivate(tree.number, path);',
    wrong: '',
    tests: ['escape/shared-mounts'],
    pattern: 'no mount passes.*root',
  },
];

export const rootProtections: readonly Protection[] = [
  {
    ...MOUNTS,
    name: "root: the host's mounts are read-only",
    right: 'entry.writable ? 0',
    wrong: 'true ? 0',
  },
  { ...MOUNTS, name: "root: no set-uid program of the host's", right: 'MOUNT_ATTR.NOSUID', wrong: '0' },
  { ...MOUNTS, name: "root: no device of the host's but the listed", right: 'MOUNT_ATTR.NODEV', wrong: '0' },
  { ...MOUNTS, name: 'root: no program on a device', right: 'MOUNT_ATTR.NOEXEC', wrong: '0' },
  {
    ...MOUNTS,
    name: 'root: its own tmpfs has no set-uid program',
    right: EMPTY_TMPFS,
    wrong: EMPTY_TMPFS.replace('MS.NOSUID', '0'),
  },
  {
    ...MOUNTS,
    name: 'root: its own tmpfs has no device',
    right: EMPTY_TMPFS,
    wrong: EMPTY_TMPFS.replace('MS.NODEV', '0'),
  },
  { ...MOUNTS, name: 'root: its own tmpfs is read-only', right: "makeMountReadOnly('/');", wrong: '' },
  {
    ...MOUNTS,
    name: 'root: what may be written has no set-uid program and no device',
    right: 'MS.NOSUID | MS.NODEV, scratchOptions(entry)',
    wrong: '0, scratchOptions(entry)',
  },
  {
    ...MOUNTS,
    name: 'root: /proc has no set-uid program and no device',
    right: "MS.NOSUID | MS.NODEV | MS.NOEXEC, ''",
    wrong: "0, ''",
  },
  {
    ...MOUNTS,
    name: 'root: /dev/pts has no set-uid program',
    right: "MS.NOSUID | MS.NOEXEC, 'newinstance",
    wrong: "0, 'newinstance",
  },
  { ...MOUNTS, name: 'root: what hides a folder is read-only', right: 'hidden.seal();', wrong: '' },
  {
    ...MOUNTS,
    name: 'root: what hides a file is read-only',
    file: 'sandbox/launch/hide-paths',
    right: 'MOUNT_ATTR.RDONLY | ',
    wrong: '',
  },
  {
    name: 'root: what is hidden is covered',
    file: 'sandbox/launch/build-root',
    right: 'hidden.hide(entry.path, entry.directory, entry.ifThere)',
    wrong: 'false',
    tests: ['escape/hidden-path'],
    pattern: 'is read by no path.*user',
  },
  {
    name: 'root: a folder with a set-uid program is not writable',
    file: 'sandbox/supervisor/files/privileged-files',
    right: 'const setsIds = (mode & SET_IDS) !== 0;',
    wrong: 'const setsIds = false;',
    tests: ['integration/owned-files'],
    pattern: 'set-uid or set-gid program is not .*user',
  },
  ...(isRoot ? AS_ROOT : []),
];
