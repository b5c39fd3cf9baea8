// Holds a listener with a full queue: whoever connects to it gets no answer. Prints its port; ends with its input.
#include "prelude.h"

int main(void) {
  int port;
  listener(0, &port);
  fill(port);
  printf("%d\n", port);
  fflush(stdout);
  getchar();
}
