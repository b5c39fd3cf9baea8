// What `up` says to the service manager that started it, systemd.service(5): that it serves, that it ends, and that it still works. Runs in the
// supervisor. sd_notify(3) and sd_watchdog_enabled(3) describe the variables. Each message is a datagram; Node has no such socket.

import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_UNIX, encodeSocketPath } from '../../shared/sys/sockaddr.js';
import {
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  sendto,
  socket,
} from '../../shared/sys/socket.js';

/** The manager ends a service that is silent for the whole time. A busy machine may delay some of the messages. */
const MESSAGES_A_PERIOD = 4;
const ABSTRACT = '@';

export class ServiceManager {
  readonly #send: (message: string) => void;
  readonly #watchdogMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param env the variables are taken out of it: they are for this process alone
   * @param send takes the path of the manager's socket, and a message for it
   */
  constructor(env: NodeJS.ProcessEnv, send: (path: string, message: string) => void = sendDatagram) {
    const { NOTIFY_SOCKET: path = '', WATCHDOG_USEC: usec = '', WATCHDOG_PID: pid = `${process.pid}` } = env;
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
    this.#send = path === '' ? () => {} : (message) => send(path, message);
    this.#watchdogMs =
      path !== '' && /^[1-9]\d{0,12}$/.test(usec) && pid === `${process.pid}`
        ? Number(usec) / 1000
        : undefined;
  }

  /**
   * It serves.
   *
   * @param works whether a broker answers. While none does, the watchdog gets no message. postern replaces a broker that hangs, and the manager starts
   *   postern anew where that fails
   */
  ready(works: () => boolean): void {
    this.#send('READY=1');
    if (this.#watchdogMs === undefined) return;
    const feed = (): void => {
      if (works()) this.#send('WATCHDOG=1');
    };
    this.#timer = setInterval(feed, this.#watchdogMs / MESSAGES_A_PERIOD).unref();
  }

  /** It ends, for which it has the time of TimeoutStopSec=. */
  stopping(): void {
    clearInterval(this.#timer);
    this.#send('STOPPING=1');
  }
}

/** A manager that cannot be reached is told nothing: it sees the end of this process all the same. */
function sendDatagram(path: string, message: string): void {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  using sender = new OwnedFd(fd);
  const address = addressOf(path);
  const bytes = Buffer.from(message);
  sendto(sender.number, bytes, bytes.length, MSG_NOSIGNAL, address, address.length);
}

/** unix(7): the name of an abstract socket begins with a NUL, and ends with its last byte. */
function addressOf(path: string): Uint8Array {
  const address = encodeSocketPath(path);
  if (!path.startsWith(ABSTRACT)) return address;
  address[address.indexOf(ABSTRACT.charCodeAt(0), 2)] = 0;
  return address.subarray(0, -1);
}
