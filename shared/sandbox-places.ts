// What is the same in every sandbox, so that several processes know it.

// The addresses of a sandbox besides loopback. With loopback alone, getaddrinfo(3) under AI_ADDRCONFIG answers "Name or service not
// known". Nobody else has these: 192.0.0.8 is the dummy address of RFC 7600, 100::8 lies in the discard prefix of RFC 6666.

export const SANDBOX_ADDRESSES = { v4: '192.0.0.8', v6: '100::8' } as const;

// Where a program finds its notify socket, sd_notify(3): the value of NOTIFY_SOCKET. There is no file. The broker answers connect(2) to this path, and
// the kernel ignores the address of a message.

export const NOTIFY_PATH = '/run/notify';
