// sethostname(2), setdomainname(2). Runs in the launcher.
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const sethostname = bind('int sethostname(const char *name, size_t length)');
const setdomainname = bind('int setdomainname(const char *name, size_t length)');
/** The kernel's own word for none. */
const NO_DOMAIN = '(none)';

/** Names the host of this UTS namespace. */
export function setHostname(name: string): void {
  succeed(sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

/** Takes the NIS domain of the host from this UTS namespace, which begins with a copy of it. */
export function clearDomainName(): void {
  succeed(setdomainname(NO_DOMAIN, NO_DOMAIN.length), 'setdomainname', NO_DOMAIN);
}
