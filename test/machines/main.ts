// npm run machines [-- [--json] [--install] [--quick] NAME…]: builds, boots and tries machines that differ from this one. Exit
// status: 0 where all is as expected, 1 where it is not, 2 for wrong usage and where this host cannot run it.
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { NotReady, needPackages } from '../harness/debian-packages.js';
import { MACHINES } from './machines.js';
import { type MachineResult, runMachine } from './run-machine.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    install: { type: 'boolean', default: process.env['CI'] === 'true' },
  },
});
const names = MACHINES.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no machine ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(2);
}
const wanted = MACHINES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const EMULATORS = { amd64: 'qemu-system-x86', arm64: 'qemu-system-arm' } as const;
const needed = ['debootstrap', 'e2fsprogs', 'cpio', 'kmod', 'xz-utils', 'debian-archive-keyring'];
try {
  // debootstrap needs chroot(2).
  if (process.geteuid?.() !== 0) throw new NotReady('Only root can build a machine');
  needPackages([...needed, ...wanted.map(({ architecture }) => EMULATORS[architecture])], values.install);
} catch (error) {
  if (!(error instanceof NotReady)) throw error;
  console.error(error.message);
  process.exit(2);
}
// Running machines and unfinished folders end with this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
const results: MachineResult[] = [];
for (const machine of wanted) {
  const steps = machine.steps.filter(({ long }) => !(values.quick && long));
  const result = await runMachine({ ...machine, steps });
  results.push(result);
}
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
else
  for (const { machine, passed, seconds } of results)
    console.log(`${machine.padEnd(12)}${passed ? 'passed' : 'FAILED'}  ${seconds} s`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
