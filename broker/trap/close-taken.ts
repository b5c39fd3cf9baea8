// Closes the broker's duplicate of what a trapped call named. Runs in the broker.
// - The threat: the plugin closes its own descriptor while the call waits, and the broker's close is the last one. Then this thread frees what hangs on the
//   file: gigabytes of memory (memfd_create(2)), millions of entries of an epoll(7), and whatever lies in the queue of an AF_UNIX socket. That takes
//   seconds, and goes on when the plugin is ended.
// - So the main thread closes only what never has much: a connection by IP, a netlink socket, and an AF_UNIX socket with nothing in its queue.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  isListening,
  readableNow,
  readIntOption,
  SO_DOMAIN,
  SOL_SOCKET,
} from '../../shared/sys/socket.js';
import type { TrapContext } from './trap-context.js';

/** @param domain of the socket. Undefined: it is looked up */
export function closeTaken(
  { services: { slowLane }, plugin }: Pick<TrapContext, 'services' | 'plugin'>,
  descriptor: OwnedFd,
  domain: number | undefined,
): void {
  if (!descriptor.open) return;
  if (
    /* protects: G9 the main thread closes no file that may be large => true */ isSmall(
      descriptor.number,
      domain,
    )
  ) {
    descriptor.close();
    return;
  }
  // It has another owner, and counts until that has closed it.
  plugin.closing += 1;
  plugin.descriptors.change(1);
  void slowLane.close(plugin.stall, [descriptor]).then(() => {
    plugin.closing -= 1;
    plugin.descriptors.change(-1);
  });
}

function isSmall(fd: number, known: number | undefined): boolean {
  const domain = known ?? readIntOption(fd, SOL_SOCKET, SO_DOMAIN);
  if (domain === AF_INET || domain === AF_INET6 || domain === AF_NETLINK) return !isListening(fd);
  return domain === AF_UNIX && readableNow(fd) !== 'readable';
}
