// Pid 1 of the sandbox, until it becomes a sleep(1). It ties its life to the supervisor's, and takes the plugin's filter:
// if a plugin with the same uid could write its memory, the plugin must gain nothing by that.
import '../../shared/refuse-debugger.js';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dropAllCapabilities } from '../../shared/sys/capabilities.js';
import { setCloseOnExecFrom } from '../../shared/sys/fcntl.js';
import { type Message, receiveMessage, sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import {
  dieWithParent,
  execve,
  exitAtOnce,
  leadSession,
  resetSignals,
  setNoNewPrivileges,
} from '../../shared/sys/process-control.js';
import { packetSocketPair } from '../../shared/sys/socket.js';
import { loadFilter } from './load-filter.js';
import { INIT_NAME, INIT_WORDS, type InitPrograms, type InitSpec, LAUNCH_SOCKET_FD } from './spec.js';

/** The most that every sleep(1) takes: 68 years. */
const SECONDS = '2147483647';
/** dd(1) writes each message as a block of its own, POSIX. A longer one is cut. A packet-mode pipe keeps the block together, pipe(7). */
const BLOCK = 'bs=4096';

say(INIT_WORDS.hello);
// The supervisor answers when it is this process's parent.
waitFor(INIT_WORDS.adopted);
// Not earlier: by its session the supervisor has known this process.
leadSession();
// protects: G11 init: it ends with the supervisor
dieWithParent(constants.signals.SIGKILL);
// If the supervisor died before that call, it cannot answer: the end of the socket ends this process.
say(INIT_WORDS.tied);
// With the word comes a pipe, if the plugin says itself when it is ready. The pair belongs to the sandbox's network namespace.
const [notices] = waitFor(INIT_WORDS.stay);
const { filter, programs } = JSON.parse(textOf(receive())) as InitSpec;
const noticeSockets = notices === undefined ? undefined : packetSocketPair();
// protects: G15 init: no capability
dropAllCapabilities();
setNoNewPrivileges();
// protects: G15 init: no descriptor (with: the broker gets no descriptor of postern's starter)
setCloseOnExecFrom(3);
// While pid 1 ignores it, the kernel itself reaps each orphan, wait(2).
resetSignals([constants.signals.SIGCHLD]);
loadFilter(filter);
if (notices !== undefined && noticeSockets !== undefined)
  relayNotices(programs.copy, noticeSockets[1], notices);
say(INIT_WORDS.ready, noticeSockets === undefined ? [] : [noticeSockets[0]]);
const [loader, sleep] = programs.sleep;
execve(loader, [INIT_NAME, sleep, SECONDS], /* test point: init's environment => $& */ []);
// Its event loop must not run under the filter, see main.ts.
exitAtOnce(1);

function say(word: string, descriptors: readonly OwnedFd[] = []): void {
  const numbers = descriptors.map(({ number }) => number);
  sendMessage(LAUNCH_SOCKET_FD, new TextEncoder().encode(word), numbers, true);
}

/** @returns the descriptors that came with it */
function waitFor(word: string): readonly OwnedFd[] {
  const message = receive();
  if (textOf(message) !== word) process.exit(1);
  return message.descriptors;
}

/** Ends this process where the supervisor is gone. */
function receive(): Message {
  const message = receiveMessage(LAUNCH_SOCKET_FD, undefined, true);
  if (typeof message === 'number' || message.payload.length === 0) process.exit(1);
  return message;
}

function textOf({ payload }: Message): string {
  return new TextDecoder().decode(payload);
}

/**
 * Starts the process that reads what a plugin says by its notify socket, sd_notify(3). It is a child of init, with init's filters and without a
 * capability. The plugin can send descriptors with its messages. This process takes none: read(2) drops them. So if the last close of one waits, it
 * waits here, and ends with the sandbox. The supervisor gets bytes by a pipe, which carries no descriptor.
 *
 * @param copy the words that start dd(1)
 * @param socket the end that is read
 * @param pipe the writing end of a pipe in packet mode
 */
function relayNotices([loader, dd]: InitPrograms['copy'], socket: OwnedFd, pipe: OwnedFd): void {
  const { pid } = spawn(loader, [dd, BLOCK], {
    cwd: '/',
    env: {},
    stdio: [socket.number, pipe.number, 'ignore'],
  });
  if (pid === undefined) process.exit(1);
}
