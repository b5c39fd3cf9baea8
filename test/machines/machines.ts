// The machines that postern is tried on, as data: what each is made of, and what runs inside it.
import type { Step } from './step.js';
import {
  cgroupTests,
  datagrams,
  delegated,
  doctorAndDemo,
  escapes,
  integration,
  packaged,
  refusal,
  swarm,
} from './steps.js';

/** The ordinary user inside. */
export const USER = 'tester';

export type Architecture = 'amd64' | 'arm64';

export interface Machine {
  readonly name: string;
  /** Its row's first words in docs/hosts.md. */
  readonly title: string;
  readonly architecture: Architecture;
  /** The first numbers of the kernel's version, or the newest that the archive has. */
  readonly kernel: string;
  /** Debian's own package, or the major version of nodejs.org's build. */
  readonly node: 'debian' | 20 | 22 | 24 | 26;
  readonly steps: readonly Step[];
  /** Debian packages beside those of every machine. */
  readonly packages?: readonly string[];
  /** More words of the kernel's command line. */
  readonly words?: readonly string[];
  /** It has postern's Debian package, and one with a higher version. */
  readonly deb?: boolean;
  /** It has postern's image for containers. */
  readonly image?: boolean;
  /** From the start of QEMU to its end. */
  readonly bootSeconds: number;
}

const AMD64 = { architecture: 'amd64', bootSeconds: 4_800 } as const;

export const MACHINES: readonly Machine[] = [
  {
    ...AMD64,
    name: 'debian13',
    title: "Debian 13, systemd, Debian's Node",
    kernel: '6.12',
    node: 'debian',
    steps: [...doctorAndDemo, ...escapes, integration],
  },
  {
    ...AMD64,
    name: 'linux-5.10',
    title: 'Debian 13, kernel too old',
    kernel: '5.10',
    node: 20,
    steps: refusal,
  },
  {
    ...AMD64,
    name: 'linux-6.1',
    title: 'Debian 13, kernel of Debian 12',
    kernel: '6.1',
    node: 20,
    steps: [...doctorAndDemo, ...escapes, integration],
  },
  {
    ...AMD64,
    name: 'linux-6.18',
    title: 'Debian 13, long-term kernel',
    kernel: '6.18',
    node: 24,
    steps: [...doctorAndDemo, ...escapes, integration],
  },
  {
    ...AMD64,
    name: 'newest',
    title: 'Debian 13, newest kernel and Node',
    kernel: 'newest',
    node: 26,
    steps: [...doctorAndDemo, datagrams, ...escapes, integration],
  },
  {
    ...AMD64,
    name: 'cgroup',
    title: 'Debian 13, delegated cgroup v2',
    kernel: '6.12',
    node: 22,
    // What the gateway's scene is made of.
    packages: ['ca-certificates', 'git'],
    steps: [...doctorAndDemo, ...delegated, cgroupTests, ...escapes, integration],
  },
  {
    ...AMD64,
    name: 'package',
    title: 'Debian 13, the Debian package, AppArmor',
    kernel: '6.12',
    node: 'debian',
    packages: ['apparmor'],
    words: ['apparmor=1', 'security=apparmor'],
    deb: true,
    steps: packaged,
  },
  {
    ...AMD64,
    name: 'swarm',
    title: 'Debian 13, a Swarm of Docker',
    kernel: '6.12',
    node: 'debian',
    packages: ['docker.io', 'docker-cli', 'iptables'],
    words: ['apparmor=0'],
    image: true,
    steps: swarm,
  },
  {
    name: 'arm64',
    title: 'Debian 13 on arm64',
    architecture: 'arm64',
    bootSeconds: 4_800,
    kernel: '6.12',
    node: 20,
    steps: [...doctorAndDemo, ...escapes, integration],
  },
];
