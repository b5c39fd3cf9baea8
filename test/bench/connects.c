// The measured program in C, the same inside a sandbox and outside: plain connect(2). It takes lines on stdin,
// "connects COUNT ABREAST", and answers with JSON lines on stdout.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in peer;

struct work {
  int count;
  double *micros;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void *run(void *argument) {
  struct work *work = argument;
  for (int i = 0; i < work->count; i++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    double start = now();
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) {
      perror("connect");
      exit(1);
    }
    work->micros[i] = now() - start;
    close(fd);
  }
  return NULL;
}

int main(int argc, char **argv) {
  char line[64];
  int count, abreast;
  if (argc != 2) return 2;
  peer.sin_family = AF_INET;
  peer.sin_port = htons(atoi(argv[1]));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "connects %d %d", &count, &abreast) != 2) return 2;
    int each = count / abreast, total = each * abreast;
    double *micros = malloc(total * sizeof *micros);
    pthread_t threads[abreast];
    struct work work[abreast];
    double start = now();
    for (int i = 0; i < abreast; i++) {
      work[i] = (struct work){each, micros + i * each};
      if (pthread_create(&threads[i], NULL, run, &work[i]) != 0) return 1;
    }
    for (int i = 0; i < abreast; i++) pthread_join(threads[i], NULL);
    printf("{\"seconds\":%.6f,\"micros\":[", (now() - start) / 1e6);
    for (int i = 0; i < total; i++) printf("%s%.2f", i == 0 ? "" : ",", micros[i]);
    printf("]}\n");
    fflush(stdout);
    free(micros);
  }
  return 0;
}
