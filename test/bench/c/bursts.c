// A plugin that connects when it is told. It connects to IP:CONTROL, and prints nothing. For each number that comes there, as eight bytes, it
// makes so many connects to IP:PORT, one at a time, and sends one byte back. With a fifth word it holds the connections until the next number.
//
// bursts IP PORT CONTROL [hold]
#include <arpa/inet.h>
#include <stdint.h>
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
  if (argc < 4) return 2;
  int control = open_to(argv[1], atoi(argv[3]));
  while (recv(control, &count, sizeof count, MSG_WAITALL) == sizeof count) {
    while (holding > 0) close(held[--holding]);
    for (uint64_t i = 0; i < count; i++) {
      int fd = open_to(argv[1], atoi(argv[2]));
      if (argc > 4 && holding < MAX_HELD) held[holding++] = fd;
      else close(fd);
    }
    if (send(control, "d", 1, 0) != 1) return 1;
  }
  return 0;
}
