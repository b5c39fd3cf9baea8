// Tests the requests of ioctl(2) that a program makes of a socket: the mark of urgent data and the owner, on a connection of the host and inside.
#include "prelude.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>

static const char *whose(int owner) {
  return owner == getpid() ? "this process" : owner == -getpgrp() ? "this group" : owner == 0 ? "nobody" : "another";
}

static void asked(const char *name, int fd, unsigned long request) {
  int found = -1;
  const char *result = said(ioctl(fd, request, &found));
  printf(" %s %s %s", name, result, whose(found));
}

static void owner(const char *what, int fd, unsigned long request, int value) {
  printf("owner, %s: %s", what, said(ioctl(fd, request, &value)));
  asked("SIOCGPGRP", fd, SIOCGPGRP), asked("FIOGETOWN", fd, FIOGETOWN);
  printf(" F_GETOWN %s\n", whose(fcntl(fd, F_GETOWN)));
}

static void owners(int fd) {
  owner("SIOCSPGRP", fd, SIOCSPGRP, getpid());
  owner("FIOSETOWN, nobody", fd, FIOSETOWN, 0);
  owner("FIOSETOWN, a group", fd, FIOSETOWN, -getpgrp());
  owner("no such process", fd, SIOCSPGRP, 0x3fffffff);
  printf("no memory: %s\n", said(ioctl(fd, SIOCSPGRP, NULL)));
}

static void mark(const char *where, int fd) { printf("at the mark, %s: %d\n", where, sockatmark(fd)); }

/** Urgent data comes between two bytes. */
static void urgent(void) {
  int port, listening = listener(1, &port), fd = tcp(0);
  char byte;
  call(fd, port);
  int served = accept(listening, NULL, NULL);
  send(fd, "a", 1, 0), send(fd, "b", 1, MSG_OOB), send(fd, "c", 1, 0);
  struct pollfd urgently = {.fd = served, .events = POLLPRI};
  printf("urgent data: %d\n", poll(&urgently, 1, 5000));
  mark("before it", served);
  printf("read %s", said(read(served, &byte, 1)));
  printf(" %c\n", byte);
  mark("behind it", served);
  owners(served);
  close(fd), close(served), close(listening);
}

int main(int argc, char **argv) {
  ports(argc, argv);
  int fd = tcp(0), none = open("/dev/null", O_RDWR), pair[2];
  mark("unconnected", fd);
  printf("connect: %s\n", said(call(fd, OPEN)));
  mark("connected", fd);
  owners(fd);
  urgent();
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  mark("AF_UNIX", pair[0]);
  owners(pair[0]);
  mark("no socket", none);
  close(none);
  mark("closed", none);
  return 0;
}
