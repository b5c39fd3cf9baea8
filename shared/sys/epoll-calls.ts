// The calls of epoll(7) that several files of this folder use, each bound once.
import { bind, type NativeCall } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { succeed } from './system-error.js';

const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLOUT = 4;
export const EPOLLONESHOT: number = 1 << 30;

const create = bind('int epoll_create1(int flags)');
/** epoll_ctl(2) */
export const controlEpoll: NativeCall = bind('int epoll_ctl(int epoll, int operation, int fd, void *event)');
/** epoll_wait(2) */
export const waitEpoll: NativeCall = bind('int epoll_wait(int epoll, void *events, int most, int timeout)');

/** @throws SystemError */
export function createEpoll(): OwnedFd {
  return new OwnedFd(succeed(create(EPOLL_CLOEXEC), 'epoll_create1'));
}
