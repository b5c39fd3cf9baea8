// The cost of a system call, inside a sandbox and outside. At a line on stdin, "calls COUNT", it answers with nanoseconds a call: `plain` for
// a call whose arguments no filter looks at, the others for calls whose arguments a filter compares. With an argument it loads a filter first, the
// least of its kind: `any` allows every call, `comparing` compares an argument of these calls with one value.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

#define WORD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)

static int load(const char *kind) {
  struct sock_filter any[] = {ANSWER(SECCOMP_RET_ALLOW)};
  struct sock_filter comparing[] = {
      WORD(nr),
      IF_EQUAL(SYS_fcntl, 2, 0),
      IF_EQUAL(SYS_ioctl, 1, 0),
      IF_EQUAL(SYS_setsockopt, 0, 2),
      WORD(args[1]),
      IF_EQUAL(0xffff, 1, 0),
      ANSWER(SECCOMP_RET_ALLOW),
      ANSWER(SECCOMP_RET_ERRNO),
  };
  struct sock_fprog all = {1, any}, one = {sizeof comparing / sizeof *comparing, comparing};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, strcmp(kind, "any") == 0 ? &all : &one);
}

// The calls are made in parts, and the fastest part counts: something else may have run during the others.
enum { PARTS = 500 };

static double fastest(double before, double start, int count) {
  double each = (now() - start) * PARTS / count;
  return before == 0 || each < before ? each : before;
}

#define NANOSECONDS_OF(call)                                 \
  double each = 0;                                           \
  for (int part = 0; part < PARTS; part++) {                 \
    double start = now();                                    \
    for (int i = 0; i < count / PARTS; i++) call;            \
    each = fastest(each, start, count);                      \
  }                                                          \
  return each;

static double plain(int count) { NANOSECONDS_OF(syscall(SYS_getppid)) }

// A harmless request, with which the filter lets the call go on.
static double by_ioctl(int count, int fd) {
  int waiting;
  NANOSECONDS_OF(ioctl(fd, FIONREAD, &waiting))
}

static double by_setsockopt(int count, int fd) {
  int on = 1;
  NANOSECONDS_OF(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on))
}

static double by_fcntl(int count, int fd) { NANOSECONDS_OF(fcntl(fd, F_GETFL)) }

int main(int argc, char **argv) {
  char line[64];
  int count, fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || (argc > 1 && load(argv[1]) != 0)) return 1;
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
