// One trapped connect(2) to the outside, while it is worked on. Runs in the broker.
import type { TrappedAddress } from '../caller/read-sockaddr.js';
import type { Replaced } from './connect-and-place.js';

export type InetAddress = Extract<TrappedAddress, { kind: 'inet' }>;

export interface BrokeredConnect extends Replaced {
  readonly address: InetAddress;
}
