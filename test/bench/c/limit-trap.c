// The C limits of the trap: seccomp_unotify(2) reports connect(2), and the helper puts a connected socket in the place of the caller's.
// With checks it makes the system calls of postern's broker, one by one, as strace(1) shows them for a warm broker.
#include "limit.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#endif
#define MAX_THREADS 1024
#define REQUESTS_PER_TURN 16

int report_connects(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_connect, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void expect(bool held, const char *step) {
  if (held) return;
  perror(step);
  exit(1);
}

static void read_address(pid_t caller, unsigned long long from, struct sockaddr_in *into) {
  struct iovec here = {into, sizeof *into}, there = {(void *)from, sizeof *into};
  expect(process_vm_readv(caller, &here, 1, &there, 1, 0) == sizeof *into, "process_vm_readv");
}

static void put_in(int reports, const struct seccomp_notif *call, int fd) {
  struct seccomp_notif_addfd added = {
      .id = call->id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = fd, .newfd = call->data.args[0],
      .newfd_flags = O_CLOEXEC};
  expect(ioctl(reports, SECCOMP_IOCTL_NOTIF_ADDFD, &added) >= 0, "ADDFD");
}

static void send_answer(int reports, const struct seccomp_notif *call) {
  struct seccomp_notif_resp answer = {.id = call->id};
  expect(ioctl(reports, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0, "SEND");
}

static void answer(int reports, const struct seccomp_notif *call) {
  struct sockaddr_in peer;
  read_address(call->pid, call->data.args[1], &peer);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  expect(connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0, "connect");
  put_in(reports, call, fd);
  send_answer(reports, call);
  close(fd);
}

// What the broker keeps of a caller between its calls.
struct caller {
  pid_t tid;
  int pidfd, info, files;
};

static struct caller *caller_of(pid_t tid, int fd) {
  static struct caller callers[MAX_THREADS];
  static int count;
  char path[64];
  for (int i = 0; i < count; i++)
    if (callers[i].tid == tid) return &callers[i];
  // A round's threads end with it: what is kept of them makes room.
  if (count == MAX_THREADS) {
    for (int i = 0; i < count; i++) {
      close(callers[i].pidfd);
      close(callers[i].info);
      close(callers[i].files);
    }
    count = 0;
  }
  struct caller *one = &callers[count++];
  one->tid = tid;
  one->pidfd = syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
  // Linux before 6.9 has no PIDFD_THREAD.
  if (one->pidfd < 0) one->pidfd = syscall(SYS_pidfd_open, tid, 0);
  snprintf(path, sizeof path, "/proc/%d/fdinfo", tid);
  one->files = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  snprintf(path, sizeof path, "%d", fd);
  one->info = openat(one->files, path, O_RDONLY | O_CLOEXEC);
  return one;
}

static const int OPTIONS[][3] = {
    {SOL_SOCKET, SO_RCVTIMEO, 16}, {SOL_SOCKET, SO_SNDTIMEO, 16},  {SOL_TCP, TCP_NODELAY, 4},
    {SOL_TCP, TCP_CORK, 4},        {SOL_SOCKET, SO_MEMINFO, 36},   {SOL_SOCKET, SO_KEEPALIVE, 4},
    {SOL_TCP, TCP_KEEPIDLE, 4},
};

static void read_options(int fd) {
  char value[64];
  for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
    socklen_t length = OPTIONS[i][2];
    getsockopt(fd, OPTIONS[i][0], OPTIONS[i][1], value, &length);
  }
}

static void identify(int fd) {
  unsigned long long cookie;
  int domain;
  char state;
  socklen_t length = sizeof cookie;
  expect(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0, "SO_NETNS_COOKIE");
  length = sizeof domain;
  expect(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0, "SO_DOMAIN");
  length = sizeof state;
  expect(getsockopt(fd, SOL_TCP, TCP_INFO, &state, &length) == 0, "TCP_INFO");
}

// The new socket, connected without waiting for it in the call, and the peer that it has.
static int dial(const struct sockaddr_in *peer, int original) {
  struct sockaddr_storage found;
  struct sockaddr settle = {.sa_family = AF_INET};
  struct pollfd ready;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), mark = 70;
  unsigned long long cookie;
  expect(setsockopt(fd, SOL_TCP, TCP_LINGER2, &mark, sizeof mark) == 0, "TCP_LINGER2");
  read_options(original);
  connect(fd, (struct sockaddr *)peer, sizeof *peer);
  socklen_t length = sizeof found;
  getsockname(fd, (struct sockaddr *)&found, &length);
  fcntl(original, F_GETFL);
  length = sizeof found;
  while (getpeername(fd, (struct sockaddr *)&found, &length) != 0) {
    ready = (struct pollfd){fd, POLLOUT, 0};
    poll(&ready, 1, -1);
    length = sizeof found;
  }
  expect(connect(fd, &settle, 2) == 0, "settle");
  length = sizeof cookie;
  expect(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0, "SO_COOKIE");
  fcntl(fd, F_SETFL, 0);
  return fd;
}

// Whether somebody else still holds the caller's former socket. An epoll(7) forgets a file with its last descriptor.
static void close_last(int holders, int original) {
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT};
  expect(epoll_ctl(holders, EPOLL_CTL_ADD, original, &event) == 0, "epoll_ctl");
  close(original);
  epoll_wait(holders, &event, 1, 0);
}

static void answer_checked(int reports, int link, int holders, const struct seccomp_notif *call) {
  struct sockaddr_in peer;
  char text[1024], byte;
  struct caller *caller = caller_of(call->pid, call->data.args[0]);
  int original = syscall(SYS_pidfd_getfd, caller->pidfd, (int)call->data.args[0], 0);
  expect(original >= 0, "pidfd_getfd");
  read_address(call->pid, call->data.args[1], &peer);
  expect(ioctl(reports, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) == 0, "ID_VALID");
  identify(original);
  recv(link, &byte, 1, MSG_DONTWAIT);
  int fd = dial(&peer, original);
  pread(caller->info, text, sizeof text, 0);
  put_in(reports, call, fd);
  close_last(holders, original);
  send_answer(reports, call);
  close(fd);
}

void serve_trap(int reports, bool checked) {
  int queue = epoll_create1(EPOLL_CLOEXEC), holders = epoll_create1(EPOLL_CLOEXEC), links[2];
  struct epoll_event event = {.events = EPOLLIN};
  struct pollfd ready = {reports, POLLIN, 0};
  expect(reports >= 0, "seccomp");
  // Since Linux 6.6. The broker asks for it too.
  ioctl(reports, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  expect(socketpair(AF_UNIX, SOCK_STREAM, 0, links) == 0, "socketpair");
  epoll_ctl(queue, EPOLL_CTL_ADD, reports, &event);
  for (;;) {
    if (checked) {
      // As libuv does.
      epoll_wait(queue, &event, 1, 0);
      epoll_wait(queue, &event, 1, -1);
    }
    for (int taken = 0; taken < (checked ? REQUESTS_PER_TURN : 1); taken++) {
      struct seccomp_notif call;
      memset(&call, 0, sizeof call);
      if (checked && poll(&ready, 1, 0) == 0) break;
      if (checked && (ready.revents & POLLIN) == 0) return;
      if (ioctl(reports, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
      if (checked) answer_checked(reports, links[0], holders, &call);
      else answer(reports, &call);
    }
  }
}
