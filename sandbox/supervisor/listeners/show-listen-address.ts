// An address as a client would write it. A pure function.
import type { ListenAddress } from '../../../shared/config/listen-address.js';
import { addressFromBytes } from '../../../shared/policy/address.js';

export function showListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path;
  const { family, text } = addressFromBytes(address.bytes);
  return family === 4 ? `${text}:${address.port}` : `[${text}]:${address.port}`;
}
