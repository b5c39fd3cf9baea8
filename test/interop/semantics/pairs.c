// Makes pairs of AF_UNIX datagram sockets, as they are on the host: their flags, their numbers, the bounds of messages, and what a failure leaves.
#include "prelude.h"
#include <sys/resource.h>

enum { THREADS = 4, TIMES = 50 };

/** The lowest number that is free. */
static int lowest(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

static void made(const char *name, int type, int protocol) {
  int fds[3] = {-7, -7, -7}, free = lowest();
  int result = socketpair(AF_UNIX, type, protocol, fds);
  printf("%s: %s", name, said(result));
  if (result == 0) {
    printf(" numbers %d %d", fds[0] - free, fds[1] - free);
    for (int i = 0; i < 2; i++) printf(" flags %d %d", fcntl(fds[i], F_GETFD), (fcntl(fds[i], F_GETFL) & O_NONBLOCK) != 0);
    char text[100];
    for (int i = 0; i < 2; i++) {
      send(fds[i], "one", 3, 0), send(fds[i], "three", 5, 0);
      printf(" received %zd", recv(fds[1 - i], text, sizeof text, 0));
      printf(" %zd", recv(fds[1 - i], text, 2, MSG_TRUNC));
    }
    close(fds[0]), close(fds[1]);
  }
  printf(" beyond %d\n", fds[2]);
}

static void failed(void) {
  int free = lowest();
  printf("no memory: %s", said(syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, 8)));
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  printf(" the end of memory: %s", said(syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, page + 4092)));
  struct rlimit old, none;
  getrlimit(RLIMIT_NOFILE, &old);
  none = (struct rlimit){free, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  int fds[2];
  printf(" no number: %s", said(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds)));
  setrlimit(RLIMIT_NOFILE, &old);
  printf(" left behind: %d\n", lowest() - free);
}

/** Each thread gets pairs of which one end is the other's peer. */
static void *many(void *wrong) {
  for (int i = 0; i < TIMES; i++) {
    int fds[2];
    char byte = 0;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0 || send(fds[0], "x", 1, 0) != 1 || recv(fds[1], &byte, 1, MSG_DONTWAIT) != 1)
      __sync_fetch_and_add((int *)wrong, 1);
    close(fds[0]), close(fds[1]);
  }
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  made("plain", SOCK_DGRAM, 0);
  made("close-on-exec", SOCK_DGRAM | SOCK_CLOEXEC, 0);
  made("non-blocking", SOCK_DGRAM | SOCK_NONBLOCK, PF_UNIX);
  made("another flag", SOCK_DGRAM | 0400, 0);
  made("another protocol", SOCK_DGRAM, 7);
  failed();
  pthread_t threads[THREADS];
  int wrong = 0, free = lowest();
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, many, &wrong);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("threads: wrong %d left behind %d\n", wrong, lowest() - free);
  // One that is ended during the call.
  int child = fork();
  if (child == 0) {
    for (;;) many(&wrong);
  }
  usleep(50000);
  kill(child, SIGKILL);
  int status;
  printf("a child: %d", waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGKILL);
  made(" after it", SOCK_DGRAM, 0);
  return 0;
}
