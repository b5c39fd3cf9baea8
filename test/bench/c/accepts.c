// The upstream of connects.c: accepts and sends nothing. It closes each connection after its client did, so that the client is in
// TIME_WAIT, as with most servers: it keeps the latest KEPT, 256 if there is no argument. Prints its port. At each line on stdin it accepts what
// waits, and prints how many it has accepted. It listens at PORTS ports in a row, and prints the first and the last.
//
// accepts KEPT PORTS
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PORTS 64
#define LOWEST_PORT 16384
#define PLACES 128

static int *kept, size, listeners[MAX_PORTS], ports;
static unsigned accepted;

static void accept_waiting(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    if (kept[accepted % size] > 0) close(kept[accepted % size]);
    kept[accepted++ % size] = fd;
  }
}

static bool listen_at(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
    close(fd);
    return false;
  }
  listeners[ports++] = fd;
  return true;
}

// Below the ports that the kernel gives to clients, ip(7) ip_local_port_range.
static void listen_at_all(int wanted) {
  int first, tries = 0;
  do {
    while (ports > 0) close(listeners[--ports]);
    first = LOWEST_PORT + (getpid() + tries) % PLACES * MAX_PORTS;
    while (ports < wanted && listen_at(first + ports)) {
    }
  } while (ports < wanted && ++tries < PLACES);
  if (ports < wanted) exit(1);
  printf("%d-%d\n", first, first + ports - 1);
  fflush(stdout);
}

static void watch(int epoll, int fd) {
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
}

int main(int argc, char **argv) {
  char line[16];
  struct epoll_event ready;
  int epoll = epoll_create1(EPOLL_CLOEXEC), wanted = argc < 3 ? 0 : atoi(argv[2]);
  if (wanted < 1 || wanted > MAX_PORTS) return 2;
  size = atoi(argv[1]);
  kept = calloc(size, sizeof *kept);
  listen_at_all(wanted);
  for (int i = 0; i < ports; i++) watch(epoll, listeners[i]);
  watch(epoll, 0);
  while (epoll_wait(epoll, &ready, 1, -1) == 1) {
    if (ready.data.fd != 0) {
      accept_waiting(ready.data.fd);
      continue;
    }
    if (read(0, line, sizeof line) <= 0) return 0;
    for (int i = 0; i < ports; i++) accept_waiting(listeners[i]);
    printf("%u\n", accepted);
    fflush(stdout);
  }
  return 1;
}
