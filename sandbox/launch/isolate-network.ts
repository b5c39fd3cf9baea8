// Sets up the network of the sandbox: a loopback interface with one more address of each family, and no further namespace.
import { writeFileSync } from 'node:fs';
import { parseAddress } from '../../shared/policy/address.js';
import { SANDBOX_ADDRESSES } from '../../shared/sandbox-addresses.js';
import { addLoopbackAddresses, bringLoopbackUp } from '../../shared/sys/network-interface.js';

/**
 * getaddrinfo(3) needs the further addresses, see sandbox-addresses.ts.
 * A user namespace made inside would bring back all capabilities, and with them more of the kernel to attack.
 */
export function isolateNetwork(): void {
  bringLoopbackUp();
  addLoopbackAddresses(bytesOf(SANDBOX_ADDRESSES.v4), bytesOf(SANDBOX_ADDRESSES.v6));
  // protects: G10 launch: no user namespace inside
  writeFileSync('/proc/sys/user/max_user_namespaces', '0');
}

function bytesOf(text: string): Uint8Array {
  return parseAddress(text)?.bytes ?? new Uint8Array();
}
