// Becomes another program under a filter that fails one call with an errno: `CALL ERRNO PROGRAM ARG…`. Children keep the filter.
import { compileFilters } from '../../shared/sys/compile-filters.js';
import { keepAcrossExec } from '../../shared/sys/fcntl.js';
import type { FilterAction } from '../../shared/sys/filter.js';
import { loadProgram } from '../../shared/sys/filter-program.js';
import { execve, setNoNewPrivileges } from '../../shared/sys/process-control.js';

const [, , call = '', errno = '', program = '', ...args] = process.argv;
setNoNewPrivileges();
// Node has made its own streams close-on-exec.
for (const stream of [0, 1, 2]) keepAcrossExec(stream);
loadProgram(
  compileFilters([{ otherwise: 'allow', rules: [{ calls: [call], action: errno as FilterAction }] }]),
);
const environment = Object.entries(process.env).map(([key, value]) => `${key}=${value}`);
throw new Error(`execve: ${execve(program, [program, ...args], environment)}`);
