// The network of the sandbox: a loopback interface with one more address of each family, and no further namespace.
import { writeFileSync } from 'node:fs';
import { addLoopbackAddresses, bringLoopbackUp } from '../../shared/sys/network-interface.js';

/** 192.0.0.8, RFC 7600's dummy address, and 100::8 of RFC 6666's discard prefix: neither is anyone's. */
const V4 = new Uint8Array([192, 0, 0, 8]);
const V6 = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]);

/**
 * With loopback addresses alone, getaddrinfo(3) under AI_ADDRCONFIG answers "Name or service not known".
 * A user namespace made inside would bring all capabilities back, and with them the kernel's larger surface.
 */
export function isolateNetwork(): void {
  bringLoopbackUp();
  addLoopbackAddresses(V4, V6);
  writeFileSync('/proc/sys/user/max_user_namespaces', '0');
}
