// The upstream of "bulk" and "ping" of connects.c, a thread a connection. It reads eight bytes, a number. Not 0: it sends so many bytes, and
// ends the connection. 0: it sends each byte back that comes. Prints its port, and ends with its stdin.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK (256 * 1024)

static char zeros[BLOCK];

static void *serve(void *argument) {
  int fd = (int)(intptr_t)argument, on = 1;
  uint64_t left;
  char byte;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (recv(fd, &left, sizeof left, MSG_WAITALL) == sizeof left) {
    if (left == 0)
      while (recv(fd, &byte, 1, 0) == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1) {
      }
    while (left > 0) {
      ssize_t sent = send(fd, zeros, left < BLOCK ? left : BLOCK, MSG_NOSIGNAL);
      if (sent <= 0) break;
      left -= sent;
    }
  }
  close(fd);
  return NULL;
}

static void *accept_all(void *argument) {
  int listener = *(int *)argument;
  for (;;) {
    pthread_t thread;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0) exit(1);
    pthread_detach(thread);
  }
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  pthread_t thread;
  char line[16];
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 128) != 0) return 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  if (pthread_create(&thread, NULL, accept_all, &listener) != 0) return 1;
  while (read(0, line, sizeof line) > 0) {
  }
  return 0;
}
