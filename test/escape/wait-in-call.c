// Waits in an ioctl(2), or another call, that its own filter reports, and that nobody answers, as a plugin does. Prints where the call wants its answer. The page
// faults of memory that is `held` go to a descriptor that nobody reads, userfaultfd(2).
#define _GNU_SOURCE
#include <linux/filter.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
  struct ifconf asked;
  char rest[48];
  char list[192];
} memory;

static void *held(void) {
  long size = sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int faults = syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register range = {.range = {(unsigned long)page, size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (page == MAP_FAILED || faults < 0 || ioctl(faults, UFFDIO_API, &api) < 0) exit(3);
  if (ioctl(faults, UFFDIO_REGISTER, &range) < 0) exit(4);
  return page;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  unsigned long call = strtoul(argv[1], NULL, 0), request = strtoul(argv[2], NULL, 0);
  if (request == SIOCGIFCONF) memory.asked = (struct ifconf){.ifc_len = 100, .ifc_buf = memory.list};
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  void *wanted = argc > 3 ? held() : &memory;
  printf("%zu\n", (size_t)wanted);
  fflush(stdout);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0) return 1;
  return call == SYS_socketpair ? syscall(call, AF_UNIX, request, 0, wanted) : syscall(call, 0, request, wanted);
}
