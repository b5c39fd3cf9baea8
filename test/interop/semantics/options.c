// Tests what a socket keeps when connect(2) replaces it: its flags, SO_LINGER and its duplicates. carried-options.test.ts has the other options.
#include "prelude.h"

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
  flags(0), flags(SOCK_NONBLOCK | SOCK_CLOEXEC);
  resets(), reset_inside();
}
