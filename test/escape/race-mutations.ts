// Broken brokers that read the subject of a trapped call twice: they may decide on one address and act on another.
import type { Mutation } from '../harness/mutant.js';

/** A broker that reads the address again when it dials. */
export const READS_TWICE: Mutation = {
  file: 'broker/trap/connect-and-place',
  imports: `
    import { decodeSockaddr } from '../../shared/sys/sockaddr.js';
    import { copyAddress } from '../caller/copy-address.js';
    const again = ({ tid, notification }, endpoint) => {
      const bytes = copyAddress(tid, notification.address, 16);
      return typeof bytes === 'number' ? endpoint : (decodeSockaddr(bytes) ?? endpoint);
    };`,
  right: 'startConnect(socket.number, endpoint, dialer)',
  wrong: 'startConnect(socket.number, again(replaced.call, endpoint), dialer)',
};
/** A broker that takes the descriptor again when it connects the sandbox's own socket. */
export const TAKES_TWICE: Mutation = {
  file: 'broker/trap/connect-stream',
  right: 'startConnectNeverWaiting(descriptor.number, raw)',
  wrong: `(() => {
    const again = context.processes.take(call.tid, call.descriptor);
    if (typeof again === 'number') return again;
    try {
      return startConnectNeverWaiting(again.number, raw);
    } finally {
      again.close();
    }
  })()`,
};
/** A broker that takes the descriptor again when it asks the kernel, a little later. */
export const ASKS_ANOTHER: Mutation = {
  file: 'broker/trap/answer-interfaces',
  right: 'ask(descriptor.number, call.notification.ints[1], memory)',
  wrong: `(() => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    const again = context.processes.take(call.tid, call.descriptor);
    if (typeof again === 'number') return again;
    try {
      return ask(again.number, call.notification.ints[1], memory);
    } finally {
      again.close();
    }
  })()`,
};
/** The kernel has no Landlock for TCP, as the supervisor sees it. */
export const NO_LANDLOCK_FOR_TCP: Mutation = {
  file: 'sandbox/supervisor/start/start-plugin',
  right: 'landlockVersion() >= LANDLOCK_TCP',
  wrong: 'false',
};
