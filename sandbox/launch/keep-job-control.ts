// Lets Ctrl-Z stop the plugin. The kernel does not stop a process group by SIGTSTP if all parents are outside of its session (orphaned, see
// setpgid(2)), and the plugin's parent is the supervisor. So one process in the plugin's group gets a parent in the session. These processes
// only sleep. Runs in the launcher, right before it becomes the plugin: they have the plugin's filters, and no capability.
import { spawnSync } from 'node:child_process';
import { keepAcrossExec, setCloseOnExecFrom } from '../../shared/sys/fcntl.js';
import { SYSTEM_PATH } from '../host/system-path.js';

/**
 * The first sleep(1) stays in the plugin's group. Its parent becomes timeout(1), which makes a group for itself. Neither is a child of the
 * plugin's, which may wait for all of its children. They ignore what the terminal sends to the group.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM USR1 USR2 PIPE ALRM TSTP TTIN TTOU
(sleep 2147483647 & exec timeout 0 sleep 2147483647) &
`;

/**
 * Without sh(1) or coreutils inside, or within narrow limits, Ctrl-Z does not stop the plugin.
 *
 * @param documented how many descriptors the plugin keeps, from 0 on. None of them is for these processes
 */
export function keepJobControl(documented: number): void {
  // test point: job control keeps no descriptor
  setCloseOnExecFrom(0);
  spawnSync('/bin/sh', ['-c', SCRIPT], { stdio: 'ignore', env: { PATH: SYSTEM_PATH }, cwd: '/' });
  for (let fd = 0; fd < documented; fd += 1) keepAcrossExec(fd);
}
