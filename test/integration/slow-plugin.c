// Plugins that make the broker wait for them, and a neighbour that measures its own delays.
#include "../interop/semantics/prelude.h"
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/uio.h>

/** A lock is held for as long as it takes to move the page table of this much memory. */
static size_t HELD_BYTES = 16UL << 30;
/** The last part of it, which is never touched. */
static const size_t ABSENT_BYTES = 1UL << 30;
static volatile int moving;
/** The same load on the machine, without any call that the broker answers. */
static int APART;
static char *volatile moved;

/** Moves a mapping back and forth. Each move holds the lock of the memory map for a long time. */
static void *moves_memory(void *unused) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *room = mmap(NULL, 2 * HELD_BYTES + (16 << 20), PROT_NONE, flags, -1, 0);
  // This is not at the edge of a page table, or the kernel would move whole tables at once.
  char *from = mmap(room, HELD_BYTES, PROT_READ, flags | MAP_FIXED, -1, 0);
  char *to = room + HELD_BYTES + (8 << 20) + 4096 * 7;
  // All pages are the one zero page, so only the table takes memory. Huge pages fill quickly, and split when they are moved.
  madvise(from, HELD_BYTES, MADV_HUGEPAGE);
  long begun = now_ms();
  for (size_t at = 0; at < HELD_BYTES - ABSENT_BYTES; at += 64UL << 20) madvise(from + at, 64UL << 20, 22 /* MADV_POPULATE_READ */);
  if (getenv("SHOW")) fprintf(stderr, "filled in %ld ms\n", now_ms() - begun);
  for (;;) {
    long start = now_ms();
    moved = from, moving = 1;
    mremap(from, HELD_BYTES, HELD_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    moving = 0;
    if (getenv("SHOW")) fprintf(stderr, "moved in %ld ms\n", now_ms() - start);
    char *swap = from;
    from = to, to = swap;
  }
  return unused;
}

static pthread_t begin(void *(*work)(void *)) {
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  return thread;
}

/** The broker reads the caller's address while the memory map is locked. */
static void mmap_lock(void) {
  begin(moves_memory);
  while (!APART) {
    int fd = tcp(SOCK_NONBLOCK);
    call(fd, OPEN);
    close(fd);
    usleep(1000);
  }
}

/**
 * Writes requests into the channel's pipe. A write holds the pipe's lock while it waits for the memory map, because its last byte is in
 * the memory that moves. If the write succeeds, that byte is 0 and the request cancels request 0.
 */
static void pipe_lock(void) {
  static char hello[] = "\x82\xa2op\xa5hello\xa7version\x01", cancel[] = "\x82\xa2op\xa6" "cancel\xa2id";
  int pipe = atoi(getenv("POSTERN_REQUEST_FD"));
  if (write(pipe, hello, sizeof hello - 1) < 0) perror("write");
  HELD_BYTES = 48UL << 30;
  begin(moves_memory);
  for (size_t page = 0; !APART; page += 1) {
    if (write(pipe, hello, sizeof hello - 1) < 0) perror("write");
    while (!moving) usleep(100);
    char *absent = moved + HELD_BYTES - ABSENT_BYTES + page % (ABSENT_BYTES >> 12) * 4096;
    struct iovec parts[] = {{cancel, sizeof cancel - 1}, {absent, 1}};
    writev(pipe, parts, 2);
  }
}

/** Sockets whose close would linger. The last process that looks at them must close them. */
static volatile int lingering;
static void *closes(void *unused) {
  for (;;) close(lingering);
  return unused;
}
static void lingering_close(void) {
  struct linger linger = {.l_onoff = 1, .l_linger = 30};
  static char much[1 << 20];
  begin(closes);
  for (;;) {
    int fd = tcp(0);
    if (!APART && call(fd, OPEN) == 0) {
      if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0) printf("lingers\n");
      nonblocking(fd, 1);
      send(fd, much, sizeof much, MSG_NOSIGNAL);
      lingering = fd;
      call(fd, OPEN);
    }
    lingering = -1;
    close(fd);
  }
}

/** A queue that stays full, and a flag that changes all the time: a connect may wait, or it may not. */
static volatile int flipped;
static void *flips(void *unused) {
  for (int at = 0;; at += 1) nonblocking(flipped, at & 1);
  return unused;
}
static void full_backlog(void) {
  int port = 0;
  if (!APART) {
    listener(0, &port);
    fill(port);
  }
  flipped = -1;
  begin(flips);
  for (int at = 0; at < 900 && !APART; at += 1) {
    flipped = tcp(SOCK_NONBLOCK);
    limit_sending(flipped, 20);
    call(flipped, port);
  }
  pause();
}

/**
 * As full_backlog, with AF_UNIX sockets. The broker sets O_NONBLOCK for its connect, and the plugin clears it in between: then the connect
 * waits in the full queue.
 */
static void unix_backlog(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0full"};
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 5;
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&name, length);
  if (!APART) {
    listen(listener, 0);
    for (int at = 0; at < 2; at += 1) connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&name, length);
  }
  flipped = socket(AF_UNIX, SOCK_STREAM, 0);
  limit_sending(flipped, 200);
  begin(flips);
  while (!APART) connect(flipped, (struct sockaddr *)&name, length);
  pause();
}

/** Sleepers that watch a descriptor by epoll(7), so often in all. A process that wakes the descriptor's readers goes through all of them. */
static void crowd(int watched, int watches) {
  enum { SLEEPERS = 9, PLACES = 500, FIRST = 500 };
  int begun[2];
  if (pipe(begun) < 0) return;
  for (int sleeper = 0; sleeper < SLEEPERS; sleeper += 1) {
    if (fork() > 0) continue;
    for (int place = 0; place < PLACES; place += 1) dup2(watched, FIRST + place);
    for (int left = watches / SLEEPERS; left > 0;) {
      int epoll = epoll_create1(0);
      for (int place = 0; place < PLACES && left > 0; place += 1, left -= 1) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET};
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, FIRST + place, &event) < 0) left = 0;
      }
    }
    if (write(begun[1], "", 1) < 0) _exit(1);
    for (;;) pause();
  }
  char none;
  for (int sleeper = 0; sleeper < SLEEPERS; sleeper += 1)
    if (read(begun[0], &none, 1) < 0) return;
}

/** Asks for replies. Each reply wakes all the watchers. */
static void watched_replies(void) {
  static const char HELLO[] = "\x82\xa2op\xa5hello\xa7version\x01";
  int request = atoi(getenv("POSTERN_REQUEST_FD")), reply = atoi(getenv("POSTERN_REPLY_FD"));
  char answer[100];
  crowd(reply, 300000);
  while (!APART)
    if (write(request, HELLO, sizeof HELLO - 1) < 0 || recv(reply, answer, sizeof answer, 0) <= 0) return;
}

static int by_size(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }
static double since(struct timespec *start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - start->tv_sec) * 1e3 + (now.tv_nsec - start->tv_nsec) / 1e6;
}

/** How long connects take: the 99th percentile. */
static void neighbour(int seconds) {
  static double connects[20000];
  int count = 0, failed = 0;
  long end = now_ms() + seconds * 1000;
  while (now_ms() < end && count < 20000) {
    struct timespec start;
    int fd = tcp(0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    failed += call(fd, OPEN) < 0;
    connects[count++] = since(&start);
    close(fd);
    usleep(1000);
  }
  qsort(connects, count, sizeof *connects, by_size);
  printf("measured {\"count\": %d, \"failed\": %d, \"p99\": %.2f, \"most\": %.2f}\n", count, failed,
         connects[count * 99 / 100], connects[count - 1]);
  // The test reads the figures while another plugin still runs.
  pause();
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  OPEN = atoi(argv[2]);
  APART = argc > 3 && strcmp(argv[3], "apart") == 0;
  setvbuf(stdout, NULL, _IONBF, 0);
  if (strcmp(argv[1], "neighbour") == 0) neighbour(atoi(argv[3]));
  else if (strcmp(argv[1], "mmap-lock") == 0) mmap_lock();
  else if (strcmp(argv[1], "pipe-lock") == 0) pipe_lock();
  else if (strcmp(argv[1], "lingering-close") == 0) lingering_close();
  else if (strcmp(argv[1], "full-backlog") == 0) full_backlog();
  else if (strcmp(argv[1], "unix-backlog") == 0) unix_backlog();
  else if (strcmp(argv[1], "watched-replies") == 0) watched_replies();
  if (APART) pause();
}
