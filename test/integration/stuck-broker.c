// A plugin for which the kernel works long on the broker's thread: an epoll with millions of entries takes the place of its connecting socket, and
// /proc/PID/fdinfo has a line for each entry. Arguments: the number of entries, and a port of 127.0.0.1 whose queue is full.
#include "../interop/semantics/prelude.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { FILES = 400, FIRST_FILE = 100, FIRST_NUMBER = 520, NUMBERS = 480, PLACE = 50 };

/** An entry is a pair of file and number, and stays as long as somebody has the file: a process has room for so many. */
static long add_entries(int watcher, long most) {
  long added = 0;
  for (int file = FIRST_FILE; file < FIRST_FILE + FILES; file += 1) {
    int made = eventfd(0, 0);
    dup2(made, file), close(made);
  }
  for (int file = FIRST_FILE; file < FIRST_FILE + FILES; file += 1)
    for (int number = FIRST_NUMBER; number < FIRST_NUMBER + NUMBERS && added < most; number += 1, added += 1) {
      struct epoll_event readable = {.events = EPOLLIN};
      dup2(file, number);
      if (epoll_ctl(watcher, EPOLL_CTL_ADD, number, &readable) < 0) return -1;
      close(number);
    }
  return added;
}

static void *connects(void *port) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(*(int *)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  connect(PLACE, (struct sockaddr *)&peer, sizeof peer);
  return NULL;
}

static void nothing(int number) { (void)number; }

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  long wanted = atol(argv[1]);
  int port = atoi(argv[2]), watcher = epoll_create1(0), told[2];
  for (long have = 0; have < wanted;) {
    long added = -1;
    if (pipe(told) < 0) return 3;
    if (fork() == 0) {
      added = add_entries(watcher, wanted - have);
      if (write(told[1], &added, sizeof added) < 0) return 3;
      for (;;) pause();
    }
    if (read(told[0], &added, sizeof added) < 0 || added <= 0) return 4;
    close(told[0]), close(told[1]);
    have += added;
  }
  int made = socket(AF_INET, SOCK_STREAM, 0);
  dup2(made, PLACE), close(made);
  signal(SIGUSR1, nothing);
  pthread_t thread;
  pthread_create(&thread, NULL, connects, &port);
  // The broker dials meanwhile.
  usleep(500000);
  dup2(watcher, PLACE);
  puts("swapped");
  fflush(stdout);
  pthread_kill(thread, SIGUSR1);
  for (;;) pause();
}
