// Explains why a listener could not be bound, with the fix. A pure function.
import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { ListenAddress } from '../../../shared/config/listen-address.js';
import { PosternError } from '../../../shared/errors.js';
import { quote } from '../../../shared/policy/quote.js';
import { errnoName } from '../../../shared/sys/libc.js';
import { showListenAddress } from './show-listen-address.js';

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS } =
  constants.errno;

/** @param errno of socket(2), bind(2) or listen(2), positive */
export function listenFailure(name: string, address: ListenAddress, errno: number): PosternError {
  const [why, fix] = (address.kind === 'tcp' ? ofTcp(address.port, errno) : ofUnix(address.path, errno)) ?? [
    errnoName(errno),
    undefined,
  ];
  const text = `Cannot listen on ${quote(showListenAddress(address))} for "${name}": ${why}`;
  return new PosternError('listen_address', text, { fix, fields: { listener: name, errno } });
}

function ofTcp(port: number, errno: number): readonly [why: string, fix: string] | undefined {
  if (errno === EADDRINUSE)
    return ['another socket has that port', 'choose another port, or end the process that has it (ss -ltnp)'];
  if (errno === EACCES) {
    const sysctl = `sysctl net.ipv4.ip_unprivileged_port_start=${port}`;
    return [
      'that port is reserved for root',
      `choose a port above 1023, or allow it to every user: ${sysctl}`,
    ];
  }
  if (errno === EADDRNOTAVAIL)
    return ['no interface of this host has that address', 'choose one that "ip address" lists'];
  if (errno === EAFNOSUPPORT) return ['this host has no IPv6', 'choose an IPv4 address'];
  return undefined;
}

function ofUnix(path: string, errno: number): readonly [why: string, fix: string] | undefined {
  const folder = quote(dirname(path));
  if (errno === EADDRINUSE)
    return ['something is there already', 'choose another path, or remove it if nothing needs it'];
  if (errno === ENOENT) return [`the folder ${folder} does not exist`, 'make it, or choose another path'];
  if (errno === ENOTDIR) return [`${folder} is not a folder`, 'choose another path'];
  if (errno === ELOOP) return [`a link leads to ${folder}`, 'name a folder without the link'];
  if (errno === EACCES || errno === EROFS)
    return [`you may not make a file in ${folder}`, 'choose a folder that you may write to'];
  if (errno === ENAMETOOLONG)
    return ["a socket's path has at most 107 bytes, links of its folder resolved", 'choose a shorter path'];
  return undefined;
}
