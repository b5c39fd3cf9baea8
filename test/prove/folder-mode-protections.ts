// The protections of a trapped chmod(2): a folder may get the set-gid bit, and nothing else.
import { type Protection, refusedBy } from './protection.js';

const tests = ['escape/set-gid'];
const MODE = { file: 'shared/sys/set-folder-mode', tests };
const THREAD = { file: 'sandbox/supervisor/orders/connect-thread', tests };
const LANES = { tests: ['supervisor/orders/plugin-lanes'] };

export const folderModeProtections: readonly Protection[] = [
  {
    name: 'folder modes: only a folder gets the set-gid bit',
    ...MODE,
    right: '(found.mode & S_IFMT) !== S_IFDIR',
    wrong: 'false',
    pattern: refusedBy('transparent'),
  },
  {
    name: 'folder modes: the file that was checked gets the mode, and not another one at its path',
    ...MODE,
    right: 'folder.number}`, mode)',
    wrong: 'openInRoot({ ...place, self, keepsLink }, path).number}`, mode)',
    pattern: 'exchange their name.*user',
  },
  {
    name: 'folder modes: a descriptor means its own folder, and not another one at its path',
    ...MODE,
    right: 'inode?.length === path.length && isOther(found, inode)',
    wrong: 'false',
    tests: ['sys/set-folder-mode'],
    pattern: 'changes the folder that is meant',
  },
  {
    name: 'folder modes: a relative path begins at its own folder, and not at another one at its path',
    ...MODE,
    right: 'isOther(fstatSync(beginning.number, { bigint: true }), inode)',
    wrong: 'false',
    tests: ['sys/set-folder-mode'],
    pattern: 'begins at the folder that is meant',
  },
  {
    name: "folder modes: the thread has the plugin's ids",
    ...THREAD,
    right: 'withThreadIds(id, (asRoot) => setFolderMode({ root, readsProc: asRoot }, change))',
    wrong: 'setFolderMode({ root }, change)',
    pattern: 'folder of another owner',
  },
  {
    name: "folder modes: the thread has none of a user's capabilities",
    ...THREAD,
    right: 'dropOwnCapabilities();',
    wrong: ';',
    pattern: "user's capabilities",
  },
  {
    name: 'folder modes: a broker that was taken over gets no set-uid bit from the supervisor',
    file: 'sandbox/supervisor/broker/mode-asks',
    right: 'mode > MODES',
    wrong: 'mode > 0o7777',
    tests: ['supervisor/broker/mode-asks'],
    pattern: 'reads nothing else',
  },
  {
    name: 'folder modes: a plugin that holds the thread up has it for itself',
    file: 'sandbox/supervisor/orders/order-lane',
    right: 'this.#takesLong(ordered.owner);',
    wrong: ';',
    ...LANES,
    pattern: 'delays no other plugin',
  },
  {
    name: 'folder modes: the orders of a sandbox are bounded',
    file: 'sandbox/supervisor/orders/plugin-lanes',
    right: 'if (pending.count >= UNIX_ORDERS)',
    wrong: 'if (false)',
    ...LANES,
    pattern: 'past a bound',
  },
];
