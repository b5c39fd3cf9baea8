// Holds the lock of a folder for good: it lists the folder into a page that never comes, userfaultfd(2). Prints a line before.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long size = sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int faults = syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register held = {.range = {(unsigned long)page, size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  int folder = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
  if (page == MAP_FAILED || faults < 0 || folder < 0) return 1;
  if (ioctl(faults, UFFDIO_API, &api) < 0 || ioctl(faults, UFFDIO_REGISTER, &held) < 0) return 2;
  printf("lists\n");
  fflush(stdout);
  syscall(SYS_getdents64, folder, page, size);
  return 3;
}
