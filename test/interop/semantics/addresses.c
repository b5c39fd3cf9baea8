// Tests addresses of both families, with wrong lengths, and in unmapped memory, and numbers that are not descriptors.
#include "prelude.h"

static const char *raw(long fd, const void *address, unsigned long length) {
  return said(syscall(SYS_connect, fd, address, length));
}

static void families(int port6) {
  struct sockaddr_in6 mapped = at6("::ffff:127.0.0.1", OPEN), six = at6("::1", port6);
  struct sockaddr_in four = at(OPEN);
  int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1;
  printf("v4-mapped: %s", raw(fd, &mapped, sizeof mapped));
  struct sockaddr_in6 peer;
  socklen_t length = sizeof peer;
  getpeername(fd, (struct sockaddr *)&peer, &length);
  char text[64];
  printf(" peer %s\n", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
  close(fd), fd = socket(AF_INET6, SOCK_STREAM, 0);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  printf("v4-mapped, IPV6_V6ONLY: %s", raw(fd, &mapped, sizeof mapped));
  if (port6 != 0) printf(" IPv6 %s", raw(fd, &six, sizeof six));
  printf("\n");
  close(fd), fd = socket(AF_INET6, SOCK_STREAM, 0);
  printf("an IPv4 address on an IPv6 socket: %s long %s\n", raw(fd, &four, sizeof four), raw(fd, &four, 28));
  if (port6 != 0) printf("IPv6 without scope: %s\n", raw(fd, &six, 24));
  close(fd), fd = tcp(0);
  printf("an IPv6 address on an IPv4 socket: %s\n", raw(fd, &six, sizeof six));
  four.sin_family = AF_UNIX;
  printf("another family: %s", raw(fd, &four, sizeof four));
  four.sin_family = 999;
  printf(" one that is none: %s\n", raw(fd, &four, sizeof four));
  close(fd);
}

static void lengths(void) {
  static const unsigned long LENGTHS[] = {0, 1, 2, 8, 15, 129, 4096, 0x7fffffff, 0x80000000, 0xffffffff};
  struct sockaddr_storage room[2] = {0};
  struct sockaddr_in a = at(OPEN);
  memcpy(room, &a, sizeof a);
  printf("lengths:");
  for (unsigned i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i += 1) {
    int fd = tcp(0);
    printf(" %lu %s", LENGTHS[i], raw(fd, room, LENGTHS[i]));
    close(fd);
  }
  int fd = tcp(0);
  printf(" 128 %s", raw(fd, room, 128));
  close(fd), fd = tcp(0);
  // The kernel ignores the upper half of an int argument.
  printf(" high bits %s\n", raw(fd | 0x700000000, room, 0x300000010));
  close(fd);
}

static void memory(void) {
  long page = sysconf(_SC_PAGESIZE);
  char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + page, page);
  struct sockaddr_in a = at(OPEN);
  int fd = tcp(0);
  memcpy(two + page - 8, &a, 8);
  printf("memory: half of it there %s", raw(fd, two + page - 8, sizeof a));
  printf(" none %s null %s kernel %s", raw(fd, two + page, sizeof a), raw(fd, NULL, sizeof a),
         raw(fd, (void *)-4096L, sizeof a));
  mprotect(two, page, PROT_NONE);
  printf(" unreadable %s", raw(fd, two, sizeof a));
  mprotect(two, page, PROT_READ | PROT_WRITE);
  memcpy(two + page - sizeof a, &a, sizeof a);
  printf(" up to the end %s\n", raw(fd, two + page - sizeof a, sizeof a));
  close(fd);
}

static void descriptors(void) {
  struct sockaddr_in a = at(OPEN);
  int pair[2], path = open("/", O_PATH), file = open("/dev/null", O_RDWR);
  if (pipe(pair) < 0) return;
  int closed = dup(0);
  close(closed);
  printf("descriptors: -1 %s closed %s pipe %s file %s", raw(-1, &a, sizeof a), raw(closed, &a, sizeof a),
         raw(pair[0], &a, sizeof a), raw(file, &a, sizeof a));
  printf(" O_PATH %s huge %s huger %s", raw(path, &a, sizeof a), raw(100000, &a, sizeof a),
         raw(0x7fffffff, &a, sizeof a));
  printf(" and no address %s\n", raw(-1, NULL, 0));
  printf("listen: -1 %s file %s new %s", said(listen(-1, 1)), said(listen(file, 1)), said(listen(tcp(0), -5)));
  printf(" bind: -1 %s short %s\n", said(bind(-1, (struct sockaddr *)&a, sizeof a)),
         said(bind(tcp(0), (struct sockaddr *)&a, 8)));
}

int main(int argc, char **argv) {
  ports(argc, argv);
  families(argc > 4 ? atoi(argv[4]) : 0), lengths(), memory(), descriptors();
}
