// reuse-pid OWN OTHER: a filter reports a child's connect(2) to port OWN. When the parent gets that report, it kills the child and
// starts another one with the same pid. The new child has the address of port OTHER at the same place, and a socket with the same number.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST = 3, SOCKET = 9 };

static struct sockaddr_in *address;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void tell(int descriptor) {
  char byte = '.', control[CMSG_SPACE(sizeof descriptor)] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor >= 0) {
    message.msg_control = control, message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof descriptor)};
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  if (sendmsg(TEST, &message, 0) != 1) fail("sendmsg");
}

static void prepare(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || dup2(fd, SOCKET) < 0) fail("socket");
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void call(int port) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("no_new_privs");
  int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) fail("seccomp");
  tell(listener);
  close(listener);
  prepare(port);
  int result = connect(SOCKET, (struct sockaddr *)address, sizeof *address);
  printf("connect: %s\n", result < 0 ? strerror(errno) : "connected");
  exit(0);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  // Both children have it at the same address.
  address = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) fail("mmap");
  pid_t first = fork();
  if (first == 0) call(atoi(argv[1]));
  char byte;
  if (read(TEST, &byte, 1) != 1) {
    waitpid(first, NULL, 0);
    return 0;
  }
  kill(first, SIGKILL);
  waitpid(first, NULL, 0);
  struct clone_args again = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&first, .set_tid_size = 1};
  pid_t second = syscall(SYS_clone3, &again, sizeof again);
  if (second < 0) fail("clone3");
  if (second == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prepare(atoi(argv[2]));
    tell(-1);
    for (;;) pause();
  }
  if (read(TEST, &byte, 1) < 0) perror("read");
  kill(second, SIGKILL);
  waitpid(second, NULL, 0);
  return 0;
}
