// Loaded before the broker's own code: Node refuses to change ids, like a Node with a shared libuv that could use io_uring.
function refuse(): never {
  throw new Error('setgroups() disabled: io_uring may be enabled. See CVE-2024-22017.');
}

Object.assign(process, { setgroups: refuse, setgid: refuse, setuid: refuse });
