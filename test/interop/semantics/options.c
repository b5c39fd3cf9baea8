// Tests what a socket keeps when connect(2) replaces it: its flags, its options and its duplicates.
#include "prelude.h"

struct option {
  const char *name;
  int level, number, value;
};
static const struct option OPTIONS[] = {
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
    {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1},
    {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 7},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 20000},
    {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 30000},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1},
    {"TCP_CORK", IPPROTO_TCP, TCP_CORK, 1},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 77},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 11},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 3},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 2},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 12345},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384},
    {"TCP_INQ", IPPROTO_TCP, TCP_INQ, 1},
    {"IP_TOS", IPPROTO_IP, IP_TOS, 0x10},
    {"IP_TTL", IPPROTO_IP, IP_TTL, 33},
};
enum { COUNT = sizeof OPTIONS / sizeof *OPTIONS };
static const struct option OPTIONS6[] = {
    {"IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS, 0x20},
    {"IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44},
};

static void show(const char *when, int fd, const struct option *options, int count) {
  printf("%s:", when);
  for (int at = 0; at < count; at += 1) {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, options[at].level, options[at].number, &value, &length);
    printf(" %s %d", options[at].name, value);
  }
  char congestion[16] = "";
  struct timeval sending, receiving;
  socklen_t length = sizeof congestion;
  getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &length);
  length = sizeof sending;
  getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &sending, &length);
  getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receiving, &length);
  printf(" TCP_CONGESTION %s SO_SNDTIMEO %ld.%06ld SO_RCVTIMEO %ld.%06ld\n", congestion, sending.tv_sec,
         sending.tv_usec, receiving.tv_sec, receiving.tv_usec);
}

static void set(int fd, const struct option *options, int count) {
  struct timeval sending = {.tv_sec = 3, .tv_usec = 500000}, receiving = {.tv_sec = 4, .tv_usec = 250000};
  for (int at = 0; at < count; at += 1)
    if (setsockopt(fd, options[at].level, options[at].number, &options[at].value, sizeof(int)) < 0)
      printf("%s %s\n", options[at].name, said(-1));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof sending);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receiving, sizeof receiving);
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

static void carried(int flags) {
  int fd = tcp(flags);
  set(fd, OPTIONS, COUNT);
  show("set", fd, OPTIONS, COUNT);
  printf("connect: %s\n", said(call(fd, OPEN)));
  show("afterwards", fd, OPTIONS, COUNT);
  close(fd);
  fd = tcp(flags);
  call(fd, OPEN);
  // If a program does not set the sizes of a socket's buffers, the kernel changes them.
  show("untouched", fd, OPTIONS + 5, COUNT - 5);
  close(fd);
}

static void carried6(int port) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 a = at6("::1", port);
  set(fd, OPTIONS6, 2);
  printf("connect, IPv6: %s\n", said(connect(fd, (struct sockaddr *)&a, sizeof a)));
  show("afterwards", fd, OPTIONS6, 2);
  close(fd);
}

static void flags(int type) {
  int fd = tcp(type), other = dup(fd), third = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int result = call(fd, OPEN);
  printf("flags %s: %s O_NONBLOCK %d FD_CLOEXEC %d %d %d", type == 0 ? "none" : "both",
         result < 0 ? said(result) : "ok", !!(fcntl(fd, F_GETFL) & O_NONBLOCK), fcntl(fd, F_GETFD), fcntl(other, F_GETFD),
         fcntl(third, F_GETFD));
  ready(fd, 2000);
  printf(" peers %s %s", peer_of(other), peer_of(third));
  nonblocking(other, 1);
  printf(" shared flag %d\n", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
  close(fd), close(other), close(third);
}

int main(int argc, char **argv) {
  ports(argc, argv);
  carried(0), carried(SOCK_NONBLOCK);
  if (argc > 4) carried6(atoi(argv[4]));
  flags(0), flags(SOCK_NONBLOCK | SOCK_CLOEXEC);
}
