// Makes a page of memory whose reader waits forever: its page faults go to a descriptor that this process never reads, userfaultfd(2).
// Prints the address of that page and of a readable one, and then only waits.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  long size = sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int faults = syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register held = {.range = {(unsigned long)page, size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (page == MAP_FAILED || faults < 0) return 1;
  if (ioctl(faults, UFFDIO_API, &api) < 0 || ioctl(faults, UFFDIO_REGISTER, &held) < 0) return 2;
  static const char readable[16] = "can be read";
  printf("%lu %lu\n", (unsigned long)page, (unsigned long)readable);
  fflush(stdout);
  for (;;) pause();
}
