// Fetches a page from HOST PORT by getaddrinfo(3) and connect(2). It tries each address in turn. A failure is exit status 1.
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int failure = getaddrinfo(argv[1], argv[2], &hints, &found);
  if (failure != 0) {
    fprintf(stderr, "getaddrinfo: %s\n", gai_strerror(failure));
    return 1;
  }
  int connected = -1;
  for (struct addrinfo *at = found; at != NULL && connected < 0; at = at->ai_next) {
    int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0) connected = fd;
    else fprintf(stderr, "connect: %s\n", strerror(errno));
  }
  if (connected < 0) return 1;
  dprintf(connected, "GET / HTTP/1.0\r\n\r\n");
  char bytes[4096];
  ssize_t count;
  while ((count = read(connected, bytes, sizeof bytes)) > 0) fwrite(bytes, 1, (size_t)count, stdout);
  return 0;
}
