// Holds a listener with a full queue at the port that is given: a client that connects gets no answer. Prints the port, and those from
// which it filled the queue; ends with its input.
#include "prelude.h"

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 0, fd = tcp(SOCK_CLOEXEC);
  struct sockaddr_in a = at(port);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 0) < 0) return 1;
  fill(port);
  printf("%d", port);
  for (int at = fd + 1; at <= fd + 3; at += 1) {
    socklen_t length = sizeof a;
    if (getsockname(at, (struct sockaddr *)&a, &length) < 0) return 1;
    printf(" %d", ntohs(a.sin_port));
  }
  printf("\n");
  fflush(stdout);
  getchar();
}
