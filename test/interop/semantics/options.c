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
  ready(fd, 20000);
  printf(" peers %s %s", peer_of(other), peer_of(third));
  nonblocking(other, 1);
  printf(" shared flag %d\n", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
  close(fd), close(other), close(third);
}

static void linger(const char *what, int fd, int on, int seconds, int length) {
  struct linger value[] = {{on, seconds}, {9, 9}}, found = {-1, -1};
  socklen_t size = sizeof found;
  const char *result = said(setsockopt(fd, SOL_SOCKET, SO_LINGER, value, length));
  getsockopt(fd, SOL_SOCKET, SO_LINGER, &found, &size);
  printf("linger %s: %s, now %d %d\n", what, result, found.l_onoff, found.l_linger);
}

/** A close that resets the connection, asked for before the connect and after it. */
static void resets(void) {
  int fd = tcp(0), none = open("/dev/null", O_RDWR), pair[2];
  linger("off", fd, 0, 0, 8);
  linger("off, with a time", fd, 0, 5, 8);
  linger("reset", fd, 7, 0, 16);
  printf("connect: %s\n", said(call(fd, OPEN)));
  linger("of a wrong length, carried", fd, 0, 0, 7);
  linger("off again", fd, 0, 0, 8);
  linger("on again", fd, 1, 0, 8);
  linger("of no length", fd, 0, 0, 0);
  linger("of a negative length", fd, 0, 0, -1);
  printf("no memory: %s\n", said(setsockopt(fd, SOL_SOCKET, SO_LINGER, NULL, 8)));
  close(fd);
  linger("of a closed descriptor", fd, 1, 0, 8);
  linger("of no socket", none, 1, 0, 8);
  close(none);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  linger("of AF_UNIX", pair[0], 1, 0, 8);
  close(pair[0]), close(pair[1]);
}

/** The other end of a connection that was reset at close. */
static void reset_inside(void) {
  int listener = tcp(0), fd = tcp(0);
  struct sockaddr_in address = at(0);
  socklen_t length = sizeof address;
  bind(listener, (struct sockaddr *)&address, length);
  listen(listener, 1);
  getsockname(listener, (struct sockaddr *)&address, &length);
  call(fd, ntohs(address.sin_port));
  int served = accept(listener, NULL, NULL);
  linger("reset", fd, 1, 0, 8);
  close(fd);
  char byte;
  printf("the peer reads: %s\n", said(read(served, &byte, 1)));
  close(served), close(listener);
}

int main(int argc, char **argv) {
  ports(argc, argv);
  carried(0), carried(SOCK_NONBLOCK);
  if (argc > 4) carried6(atoi(argv[4]));
  flags(0), flags(SOCK_NONBLOCK | SOCK_CLOEXEC);
  resets(), reset_inside();
}
