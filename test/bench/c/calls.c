// The cost of a system call, inside a sandbox and outside. At a line on stdin, "calls COUNT", it answers with nanoseconds a call: `plain` for
// a call whose arguments no filter looks at, the others for calls whose arguments a filter compares.
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static double plain(int count) {
  double start = now();
  for (int i = 0; i < count; i++) syscall(SYS_getppid);
  return (now() - start) / count;
}

// A harmless request, with which the filter lets the call go on.
static double by_ioctl(int count, int fd) {
  int waiting;
  double start = now();
  for (int i = 0; i < count; i++) ioctl(fd, FIONREAD, &waiting);
  return (now() - start) / count;
}

static double by_setsockopt(int count, int fd) {
  int on = 1;
  double start = now();
  for (int i = 0; i < count; i++) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return (now() - start) / count;
}

static double by_fcntl(int count, int fd) {
  double start = now();
  for (int i = 0; i < count; i++) fcntl(fd, F_GETFL);
  return (now() - start) / count;
}

int main(void) {
  char line[64];
  int count, fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return 1;
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "calls %d", &count) != 1) return 2;
    printf("{\"plain\":%.3f,\"fcntl\":%.3f,\"ioctl\":%.3f,\"setsockopt\":%.3f}\n", plain(count),
           by_fcntl(count, fd), by_ioctl(count, 0), by_setsockopt(count, fd));
    fflush(stdout);
  }
  return 0;
}
