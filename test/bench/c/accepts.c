// The upstream of connects.c: accepts and sends nothing. It closes each connection after its client did, so that the client is in
// TIME_WAIT, as with most servers: it keeps the latest KEPT, 256 if there is no argument. Prints its port. At each line on stdin it accepts what
// waits, and prints how many it has accepted.
//
// accepts [KEPT]
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener, *kept, size = 256;
static unsigned accepted;

static void accept_waiting(void) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    if (kept[accepted % size] > 0) close(kept[accepted % size]);
    kept[accepted++ % size] = fd;
  }
}

int main(int argc, char **argv) {
  char line[16];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (argc > 1) size = atoi(argv[1]);
  kept = calloc(size, sizeof *kept);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 4096) != 0) return 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct pollfd waits[] = {{listener, POLLIN, 0}, {0, POLLIN, 0}};
  while (poll(waits, 2, -1) > 0) {
    accept_waiting();
    if (waits[1].revents == 0) continue;
    if (read(0, line, sizeof line) <= 0) return 0;
    printf("%u\n", accepted);
    fflush(stdout);
  }
  return 1;
}
