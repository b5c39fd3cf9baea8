// Binds its own socket to an abstract name. Meanwhile another thread puts a socket of the host in its place, which the program inherited.
// Arguments: the name, and the descriptors of the host's sockets. Each one is tried with its own name.
#define _GNU_SOURCE
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SLOT = 60, LEAST_CALLS = 1500, MOST_CALLS = 60000 };
static int hosts, own;
static volatile int over;
static volatile long flips;

static void *flips_descriptor(void *unused) {
  for (long at = 0; !over; at += 1) {
    dup2(at & 1 ? hosts : own, SLOT);
    flips += 1;
  }
  return unused;
}

/** Whether the host's socket has the name. */
static int taken(const struct sockaddr_un *wanted, socklen_t size) {
  struct sockaddr_un name;
  socklen_t length = sizeof name;
  memset(&name, 0, sizeof name);
  return getsockname(hosts, (struct sockaddr *)&name, &length) == 0 && length == size &&
         memcmp(&name, wanted, size) == 0;
}

/** @return whether the host's socket has the name in the end */
static int race(const char *name, int endless) {
  struct sockaddr_un wanted = {.sun_family = AF_UNIX};
  pthread_t thread;
  int length = snprintf(wanted.sun_path + 1, sizeof wanted.sun_path - 1, "%s-%d", name, hosts);
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + length;
  over = 0;
  dup2(own, SLOT);
  pthread_create(&thread, NULL, flips_descriptor, NULL);
  for (long calls = 0; !taken(&wanted, size) && calls < (endless ? MOST_CALLS : LEAST_CALLS); calls += 1) {
    bind(SLOT, (struct sockaddr *)&wanted, size);
    // A socket that has no name yet.
    int fresh = socket(AF_UNIX, SOCK_STREAM, 0);
    dup2(fresh, own);
    close(fresh);
  }
  over = 1;
  pthread_join(thread, NULL);
  return taken(&wanted, size);
}

int main(int argc, char **argv) {
  own = socket(AF_UNIX, SOCK_STREAM, 0);
  int endless = strcmp(argv[argc - 1], "endless") == 0;
  for (int at = 2; at < argc - endless; at += 1) {
    hosts = atoi(argv[at]);
    printf("result %d %s\n", hosts, race(argv[1], endless) ? "taken" : "not");
  }
  printf("result flips %s\n", flips > LEAST_CALLS || endless ? "enough" : "few");
  fflush(stdout);
  getchar();
}
