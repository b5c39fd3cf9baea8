// Tests connects of children and threads: fork, vfork, posix_spawn(3), and many threads with one descriptor and one address.
#include "prelude.h"

static void children(void) {
  int fd = tcp(0), status;
  if (fork() == 0) _exit(call(fd, OPEN) < 0);
  wait(&status);
  printf("a forked child: %s\n", WEXITSTATUS(status) == 0 ? "ok" : "failed");
  close(fd), fd = tcp(0);
  pid_t child = vfork();
  if (child == 0) {
    struct sockaddr_in a = at(OPEN);
    _exit(connect(fd, (struct sockaddr *)&a, sizeof a) < 0);
  }
  waitpid(child, &status, 0);
  printf("a vforked child: %s\n", WEXITSTATUS(status) == 0 ? "ok" : "failed");
  close(fd);
}

/** A connected descriptor across execve(2): FD_CLOEXEC also holds for the socket that was put in its place. */
static void over_exec(char *self) {
  int kept = tcp(0), gone = tcp(SOCK_CLOEXEC), status;
  char a[16], b[16];
  call(kept, OPEN), call(gone, OPEN);
  snprintf(a, sizeof a, "%d", kept), snprintf(b, sizeof b, "%d", gone);
  if (fork() == 0) {
    execl(self, self, "look", a, b, NULL);
    _exit(99);
  }
  wait(&status);
  printf("over execve: %d\n", WEXITSTATUS(status));
  close(kept), close(gone);
}

static int shared, ends[2][16];
static pthread_barrier_t barrier;
static void *same_descriptor(void *slot) {
  pthread_barrier_wait(&barrier);
  int result = call(shared, OPEN);
  *(int *)slot = result < 0 ? errno : 0;
  return NULL;
}

/** Sixteen threads connect one descriptor. All calls return, and the descriptor is connected. */
static void one_descriptor(void) {
  int strange = 0, connected = 0;
  for (int round = 0; round < 20; round += 1) {
    pthread_t threads[16];
    shared = tcp(0);
    pthread_barrier_init(&barrier, NULL, 16);
    for (int at = 0; at < 16; at += 1) pthread_create(&threads[at], NULL, same_descriptor, &ends[0][at]);
    for (int at = 0; at < 16; at += 1) {
      pthread_join(threads[at], NULL);
      strange += ends[0][at] != 0 && ends[0][at] != EISCONN && ends[0][at] != EALREADY;
    }
    connected += strcmp(peer_of(shared), "ok") == 0;
    close(shared);
  }
  printf("one descriptor of 16 threads: strange %d connected %d\n", strange, connected);
}

static volatile int stop;
static void *closes(void *unused) {
  (void)unused;
  while (!stop) {
    int fd = shared;
    if (fd > 2) close(fd);
  }
  return NULL;
}

/** Another thread closes the descriptor during the connect. The result is an error or a connection, and the program goes on. */
static void closed_meanwhile(void) {
  pthread_t thread;
  int strange = 0;
  shared = -1;
  pthread_create(&thread, NULL, closes, NULL);
  for (int round = 0; round < 500; round += 1) {
    int fd = tcp(0);
    shared = fd;
    int result = call(fd, OPEN);
    shared = -1;
    if (result < 0 && errno != EBADF) strange += 1;
    close(fd);
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("closed meanwhile: strange %d\n", strange);
}

static void *accepts(void *unused) {
  while (own_listener >= 0) close(accept(own_listener, NULL, NULL));
  return unused;
}

int main(int argc, char **argv) {
  if (argc > 3 && strcmp(argv[1], "look") == 0)
    return 2 * (fcntl(atoi(argv[2]), F_GETFD) >= 0) + (fcntl(atoi(argv[3]), F_GETFD) >= 0);
  ports(argc, argv);
  pthread_t thread;
  if (own_listener >= 0) pthread_create(&thread, NULL, accepts, NULL);
  children(), over_exec(argv[0]), one_descriptor(), closed_meanwhile();
}
