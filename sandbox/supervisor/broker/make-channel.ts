// A plugin's channel: a packet-mode pipe for requests and a packet socket for replies, each with its two ends.
import { REPLY_SEND_BUFFER_BYTES, REQUEST_PIPE_BYTES } from '../../../shared/limits.js';
import { setPipeSize } from '../../../shared/sys/fcntl.js';
import { nameForGood } from '../../../shared/sys/name-socket.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { packetSocketPair, setSendBuffer } from '../../../shared/sys/socket.js';

export interface Channel {
  readonly plugin: { readonly request: OwnedFd; readonly reply: OwnedFd };
  readonly broker: { readonly request: OwnedFd; readonly reply: OwnedFd };
}

export function makeChannel(): Channel {
  const requests = makePipe({ packet: true });
  // Each packet takes a page, so that the default holds 16. Where the user's share is used up, that does too.
  setPipeSize(requests.write.number, REQUEST_PIPE_BYTES);
  const [broker, plugin] = packetSocketPair();
  nameForGood(plugin.number);
  setSendBuffer(broker.number, REPLY_SEND_BUFFER_BYTES);
  return {
    plugin: { request: requests.write, reply: plugin },
    broker: { request: requests.read, reply: broker },
  };
}
