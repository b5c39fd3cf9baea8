// Makes a plugin's channel: a packet-mode pipe for requests and a packet socket for replies, with both ends of each.
import { REPLY_SEND_BUFFER_BYTES, REQUEST_PIPE_BYTES } from '../../../shared/limits.js';
import { setPipeSize } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe, type Pipe } from '../../../shared/sys/pipe.js';
import { nameForGood, packetSocketPair, setSendBuffer } from '../../../shared/sys/socket.js';

export interface Channel {
  readonly plugin: { readonly request: OwnedFd; readonly reply: OwnedFd };
  readonly broker: { readonly request: OwnedFd; readonly reply: OwnedFd };
}

export function makeChannel(): Channel {
  const requests = makePipe(/* protects: G8 supervisor: requests come in packets */ { packet: true });
  // Each packet takes a page, so the default pipe holds 16. That is enough where the user's share of pipe pages is used up.
  setPipeSize(requests.write.number, REQUEST_PIPE_BYTES);
  const [broker, plugin] = replySockets(requests);
  return {
    plugin: { request: requests.write, reply: plugin },
    broker: { request: requests.read, reply: broker },
  };
}

/** @param requests closed where there is no descriptor left for the sockets */
function replySockets(requests: Pipe): readonly [OwnedFd, OwnedFd] {
  try {
    const [broker, plugin] = packetSocketPair();
    nameForGood(plugin.number);
    setSendBuffer(broker.number, REPLY_SEND_BUFFER_BYTES);
    return [broker, plugin];
  } catch (error) {
    requests.read.close();
    requests.write.close();
    throw error;
  }
}
