// sethostname(2), setdomainname(2). Runs in the launcher.
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const sethostname = bind('int sethostname(const char *name, size_t length)');
const setdomainname = bind('int setdomainname(const char *name, size_t length)');
/** The kernel's word for no domain. */
const NO_DOMAIN = '(none)';

/** Sets the host name of this UTS namespace. */
export function setHostname(name: string): void {
  succeed(sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

/** Removes the NIS domain of the host from this UTS namespace, which starts with a copy of it. */
export function clearDomainName(): void {
  succeed(setdomainname(NO_DOMAIN, NO_DOMAIN.length), 'setdomainname', NO_DOMAIN);
}
