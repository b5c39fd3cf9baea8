// landlock(7): a second layer besides seccomp. Runs in the launcher. The domain is kept across execve.
import { closeSync, constants, openSync } from 'node:fs';
import { constants as errors } from 'node:os';
import { O_PATH } from './fcntl.js';
import { LAYOUT } from './layout.js';
import { SystemError, succeed } from './libc.js';
import { SYS, syscallFdStruct, syscallLongs, syscallStruct } from './syscall.js';

const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const PATH_BENEATH = LAYOUT['struct landlock_path_beneath_attr'];
const { ENOSYS, EOPNOTSUPP } = errors.errno;

const WRITE_FILE = 1n << 1n;
const TRUNCATE = 1n << 14n;
const REFER = 1n << 13n;
/** The rights from REMOVE_DIR to MAKE_SYM. */
const CHANGE_DIRECTORY = 0x1ff0n;
const RESOLVE_UNIX = 1n << 16n;
const NET_BIND_TCP = 1n;
const NET_CONNECT_TCP = 2n;
const SCOPE_ABSTRACT_UNIX = 1n;
const SCOPE_SIGNAL = 2n;

/** From this ABI on (Linux 6.7) Landlock refuses TCP. */
export const LANDLOCK_TCP = 4;
/** From this ABI on (Linux 7.1) it keeps the domain's calls from AF_UNIX sockets with a path that were made outside of the domain. */
export const LANDLOCK_UNIX = 9;

/** The Landlock ABI version of the kernel; 0 if Landlock is missing or off. */
export function landlockVersion(): number {
  const result = syscallStruct(SYS.landlock_create_ruleset, null, 0, CREATE_RULESET_VERSION);
  if (result === -ENOSYS || result === -EOPNOTSUPP) return 0;
  return succeed(result, 'landlock_create_ruleset');
}

/** What the domain allows: all changes in folders, writing to single files. */
export interface LandlockAllowance {
  readonly writableDirectories: readonly string[];
  /** Paths or `/proc/self/fd/N` links of single files, such as /dev/null or the terminal. */
  readonly writableFiles: readonly string[];
}

/**
 * What a domain handles, and so refuses where no rule allows it: rights in the file system and in the network, and scopes. No rule allows
 * RESOLVE_UNIX: the kernel then lets a domain reach its own AF_UNIX sockets, and no others.
 */
export function handledRights(version: number): readonly [files: bigint, network: bigint, scopes: bigint] {
  return [
    changesOf(version) |
      /* protects: G4 Landlock, which keeps datagrams within the sandbox => (0n) */ (version >= LANDLOCK_UNIX
        ? RESOLVE_UNIX
        : 0n),
    // protects: G2 Landlock, which denies TCP where an AF_UNIX call goes on => 0n
    version >= LANDLOCK_TCP ? NET_BIND_TCP | NET_CONNECT_TCP : 0n,
    version >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0n,
  ];
}

const writesOf = (version: number): bigint => WRITE_FILE | (version >= 3 ? TRUNCATE : 0n);
const changesOf = (version: number): bigint =>
  writesOf(version) | CHANGE_DIRECTORY | (version >= 2 ? REFER : 0n);

/**
 * Puts this thread into a Landlock domain for good. It refuses TCP connect and bind (ABI 4, Linux 6.7), abstract sockets and signals to the
 * outside (ABI 6, Linux 6.12), AF_UNIX sockets of the outside (ABI 9, Linux 7.1), and changes of files that are not allowed. no_new_privs must
 * be set.
 *
 * @param version from landlockVersion(), at least 1
 */
export function restrictByLandlock(version: number, allowance: LandlockAllowance): void {
  const files = writesOf(version);
  const changes = changesOf(version);
  const ruleset = new BigUint64Array(handledRights(version));
  // An older kernel knows a shorter structure. The rest must be zero, and is.
  const bytes = new Uint8Array(ruleset.buffer);
  const domain = succeed(
    syscallStruct(SYS.landlock_create_ruleset, bytes, bytes.length, 0),
    'landlock_create_ruleset',
  );
  try {
    for (const path of allowance.writableDirectories) allow(domain, path, changes);
    for (const path of allowance.writableFiles) allow(domain, path, files);
    succeed(syscallLongs(SYS.landlock_restrict_self, domain, 0, 0, 0, 0), 'landlock_restrict_self');
  } finally {
    closeSync(domain);
  }
}

function allow(domain: number, path: string, access: bigint): void {
  const parent = openSync(path, O_PATH | constants.O_RDONLY);
  try {
    // struct landlock_path_beneath_attr is packed: 8 bytes of access, 4 of descriptor.
    const rule = new Uint8Array(PATH_BENEATH.size);
    const view = new DataView(rule.buffer);
    view.setBigUint64(0, access, true);
    view.setInt32(PATH_BENEATH.parent_fd, parent, true);
    const result = syscallFdStruct(SYS.landlock_add_rule, domain, RULE_PATH_BENEATH, rule, 0);
    if (result < 0) throw new SystemError('landlock_add_rule', -result, path);
  } finally {
    closeSync(parent);
  }
}
