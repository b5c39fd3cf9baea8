// The addresses of a sandbox beside loopback: with loopback alone, getaddrinfo(3) under AI_ADDRCONFIG answers "Name or service
// not known". 192.0.0.8 is RFC 7600's dummy address, 100::8 lies in RFC 6666's discard prefix: neither is anyone's.

export const SANDBOX_ADDRESSES = { v4: '192.0.0.8', v6: '100::8' } as const;
