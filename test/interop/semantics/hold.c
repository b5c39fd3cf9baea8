// Holds a listener with a full queue at the port that is given: a client that connects gets no answer. Prints the port; ends with its
// input.
#include "prelude.h"

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 0, fd = tcp(SOCK_CLOEXEC);
  struct sockaddr_in a = at(port);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 0) < 0) return 1;
  fill(port);
  printf("%d\n", port);
  fflush(stdout);
  getchar();
}
