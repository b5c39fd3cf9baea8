// A plugin that connects when it is told. It connects to IP:CONTROL, and prints nothing. For each number that comes there, as eight bytes, it
// makes so many connects to IP, one at a time, and sends one byte back. Each number has the next port of PORTS, which are written as for connects.c.
// With a fifth word it holds the connections until the next number.
//
// bursts IP PORTS CONTROL [hold]
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HELD 1000

static int held[MAX_HELD], holding;

static int open_to(const char *host, int port) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &peer.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) exit(1);
  return fd;
}

int main(int argc, char **argv) {
  uint64_t count;
  int first, last, port;
  if (argc < 4) return 2;
  if (sscanf(argv[2], "%d-%d", &first, &last) < 2) last = first;
  port = first;
  int control = open_to(argv[1], atoi(argv[3]));
  while (recv(control, &count, sizeof count, MSG_WAITALL) == sizeof count) {
    while (holding > 0) close(held[--holding]);
    for (uint64_t i = 0; i < count; i++) {
      int fd = open_to(argv[1], port);
      if (argc > 4 && holding < MAX_HELD) held[holding++] = fd;
      else close(fd);
    }
    port = port < last ? port + 1 : first;
    if (send(control, "d", 1, 0) != 1) return 1;
  }
  return 0;
}
