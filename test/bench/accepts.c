// The peer of connects.c: accepts and sends nothing. It closes each connection after its client did, so that the client is in
// TIME_WAIT, as with most servers. Prints its port.
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT 256

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), kept[KEPT];
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 4096) != 0) return 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (int i = 0; i < KEPT; i++) kept[i] = -1;
  for (unsigned next = 0;; next++) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) return 1;
    if (kept[next % KEPT] >= 0) close(kept[next % KEPT]);
    kept[next % KEPT] = fd;
  }
}
