// The code of mutants that is too long for a marker, by the names of the markers. They are brokers that read the subject of a trapped call
// twice: they may decide on one address and act on another.

export interface OwnCode {
  readonly code: string;
  /** Lines for the beginning of the file. */
  readonly imports?: string;
}

const TAKES_AGAIN = 'const again = context.processes.take(call.tid, call.descriptor);';

export const OWN_CODE: Readonly<Record<string, OwnCode>> = {
  /** Reads the address again when it dials. */
  'an address is copied once': {
    imports: `
      import { decodeSockaddr } from '../../shared/sys/sockaddr.js';
      import { copyAddress } from '../caller/caller-memory.js';
      const again = ({ tid, notification }, endpoint) => {
        const bytes = copyAddress(tid, notification.address, 16);
        return typeof bytes === 'number' ? endpoint : (decodeSockaddr(bytes) ?? endpoint);
      };`,
    code: 'startConnect(socket.number, again(replaced.call, endpoint), dialer)',
  },
  /** Takes the descriptor again when it connects the sandbox's own socket. */
  'a descriptor is taken once': {
    code: `(() => {
      ${TAKES_AGAIN}
      if (typeof again === 'number') return again;
      try {
        return startConnectNeverWaiting(again.number, raw);
      } finally {
        again.close();
      }
    })()`,
  },
  /** Takes the descriptor again when it asks the kernel, a little later. */
  'interfaces are those of the socket that was taken': {
    code: `(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      ${TAKES_AGAIN}
      if (typeof again === 'number') return again;
      try {
        return ask(again.number, call.notification.ints[1], memory);
      } finally {
        again.close();
      }
    })()`,
  },
};
