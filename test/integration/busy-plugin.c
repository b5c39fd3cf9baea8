// A plugin that means no harm: it connects steadily, while its other threads map and unmap memory.
#include "../interop/semantics/prelude.h"

enum { MAPPERS = 3, BYTES = 4 << 20 };

static void *maps(void *unused) {
  for (;;) {
    char *room = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) continue;
    for (int at = 0; at < BYTES; at += 4096) room[at] = 1;
    munmap(room, BYTES);
  }
  return unused;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  OPEN = atoi(argv[1]);
  long end = now_ms() + atoi(argv[2]) * 1000;
  setvbuf(stdout, NULL, _IONBF, 0);
  for (int mapper = 0; mapper < MAPPERS; mapper += 1) {
    pthread_t thread;
    pthread_create(&thread, NULL, maps, NULL);
  }
  int count = 0, failed = 0;
  while (now_ms() < end || count <= 10) {
    int fd = tcp(0);
    failed += call(fd, OPEN) < 0;
    count += 1;
    close(fd);
    usleep(1000);
  }
  printf("measured {\"count\": %d, \"failed\": %d}\n", count, failed);
  // The test reads the metrics while the plugins still run.
  pause();
}
