// Boots a machine under QEMU, which emulates its processors: no KVM is needed. Ends when the machine has powered off.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Kernel } from './fetch-kernel.js';
import type { Architecture } from './machines.js';

interface Disk {
  readonly file: string;
  /** Keeps the machine's changes to its disk; otherwise they are lost. */
  readonly keep?: boolean;
}

export interface Boot {
  readonly architecture: Architecture;
  readonly kernel: Kernel;
  readonly disks: readonly Disk[];
  /** More words of the kernel's command line. */
  readonly words?: readonly string[];
  readonly seconds: number;
  /** The file that the console is written to. */
  readonly console: string;
  /** Called with each line that the machine writes to its port. */
  readonly heard: (line: string) => void;
}

const EMULATORS = {
  amd64: { program: 'qemu-system-x86_64', machine: ['-M', 'q35', '-cpu', 'max'], console: 'ttyS0' },
  arm64: {
    program: 'qemu-system-aarch64',
    machine: ['-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
  },
} as const;

/** Throws where the machine cannot be started, or has not powered off in time. */
export async function boot(options: Boot): Promise<void> {
  const { program, machine, console } = EMULATORS[options.architecture];
  const words = [`console=${console}`, 'panic=-1', 'rw', 'loglevel=4', ...(options.words ?? [])];
  const child = spawn(
    program,
    [
      ...[...machine, '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '2560'],
      ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', `file:${options.console}`],
      ...['-kernel', options.kernel.image, '-initrd', options.kernel.initrd, '-append', words.join(' ')],
      ...[
        '-chardev',
        'stdio,id=port',
        '-device',
        'virtio-serial-pci',
        '-device',
        'virtserialport,chardev=port',
      ],
      ...options.disks.flatMap(({ file, keep }) => [
        '-drive',
        `file=${file},format=raw,if=virtio,cache=unsafe,snapshot=${keep === true ? 'off' : 'on'}`,
      ]),
      ...['-device', 'virtio-rng-pci'],
    ],
    // The port is closed to the machine where QEMU's stdin has ended.
    { stdio: 'pipe', timeout: options.seconds * 1_000, killSignal: 'SIGKILL' },
  );
  const end = (): boolean => child.kill('SIGKILL');
  process.once('exit', end);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface({ input: child.stdout }).on('line', options.heard);
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve([code, by]));
  });
  process.off('exit', end);
  if (signal === 'SIGKILL') throw new Error(`The machine had not powered off after ${options.seconds} s`);
  if (status !== 0) throw new Error(`"${program}" failed with ${status ?? signal}: ${stderr}`);
}
