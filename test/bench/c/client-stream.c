// What connects.c does with one connection: takes bytes, or sends one and waits for it, again and again.
#include "client.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

#define BLOCK (256 * 1024)

static void begin(int fd, uint64_t bytes) {
  int on = 1;
  // A socket of the channel is non-blocking.
  fcntl(fd, F_SETFL, 0);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (send(fd, &bytes, sizeof bytes, 0) != sizeof bytes) fail("send");
}

void take_bytes(int fd, long long bytes) {
  static char block[BLOCK];
  begin(fd, bytes);
  while (bytes > 0) {
    ssize_t got = recv(fd, block, sizeof block, 0);
    if (got <= 0) fail("recv");
    bytes -= got;
  }
}

void ping(int fd, long long count) {
  char byte = 'x';
  begin(fd, 0);
  for (long long i = 0; i < count; i++) {
    if (send(fd, &byte, 1, 0) != 1) fail("send");
    if (recv(fd, &byte, 1, 0) != 1) fail("recv");
  }
}
