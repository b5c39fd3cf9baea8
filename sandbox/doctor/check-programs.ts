// The programs that make and enter the namespaces: unshare(1) and nsenter(1) of util-linux, and the shell that they run.

import { SYSTEM_PATH } from '../host/find-program.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';
import { installCommand } from './install-command.js';

export function checkUnshare({ unshare, distribution }: HostFacts): Check {
  const check = { name: 'unshare(1)', needed: 'util-linux 2.36 or newer, whose unshare has --keep-caps' };
  const install = installCommand('util-linux', distribution);
  if (unshare === undefined)
    return { ...check, state: 'missing', found: `not in ${SYSTEM_PATH}`, fix: `Install it: ${install}` };
  const found = `${unshare.path}: ${unshare.version}`;
  if (!unshare.enters)
    return {
      ...check,
      state: 'missing',
      found: `${found}, and no nsenter(1) in ${SYSTEM_PATH}`,
      fix: `Install it: ${install}`,
    };
  if (unshare.keepsCapabilities) return { ...check, state: 'ok', found };
  return {
    ...check,
    state: 'missing',
    found: `${found}, without --keep-caps`,
    fix: `Install util-linux 2.36 or newer: ${install}`,
  };
}

export function checkShell({ shell }: HostFacts): Check {
  return {
    name: '/bin/sh',
    state: shell ? 'ok' : 'missing',
    found: shell ? 'there' : 'missing, or not executable',
    needed: 'a POSIX shell',
    fix: shell ? undefined : 'Put a POSIX shell there: as a link, to dash, bash or busybox.',
  };
}
