// Many callers at once: threads that all connect, threads that all wait for a silent peer, and children that are killed while
// they wait. A line of input begins each round.
#include "../interop/semantics/prelude.h"

enum { MOST = 1000 };
static int results[MOST], port;
static volatile int done;

static void *connects(void *slot) {
  int fd = tcp(0);
  *(int *)slot = call(fd, port) < 0 ? errno : 0;
  __sync_fetch_and_add(&done, 1);
  close(fd);
  return NULL;
}

/** The number of calls for each result. */
static void round_of(int count) {
  pthread_t threads[MOST];
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  done = 0;
  for (int at = 0; at < count; at += 1) pthread_create(&threads[at], &small, connects, &results[at]);
  printf("begun\n");
  for (int at = 0; at < count; at += 1) pthread_join(threads[at], NULL);
  for (int error = 0; error < 600; error += 1) {
    int same = 0;
    for (int at = 0; at < count; at += 1) same += results[at] == error;
    if (same > 0) printf("ended %d %s\n", same, error == 0 ? "ok" : name_of(error));
  }
  printf("over\n");
}

static void children(int count) {
  pid_t pids[MOST];
  for (int at = 0; at < count; at += 1)
    if ((pids[at] = fork()) == 0) _exit(call(tcp(0), port));
  printf("begun\n");
  getchar();
  for (int at = 0; at < count; at += 1) kill(pids[at], SIGKILL);
  for (int at = 0; at < count; at += 1) waitpid(pids[at], NULL, 0);
  printf("over\n");
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int count = atoi(argv[2]);
  setvbuf(stdout, NULL, _IONBF, 0);
  port = atoi(argv[3]);
  printf("up\n");
  while (getchar() != EOF)
    if (strcmp(argv[1], "threads") == 0) round_of(count);
    else children(count);
}
