/* Says that it is ready as sd_notify(3) of libsystemd does: with a larger buffer, with the pid of its parent in SCM_CREDENTIALS and without it if that is
   refused, and then a barrier: a pipe whose writing end goes along, and whose end the program awaits. Prints what it found. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *step) {
  printf("%s: %s\n", step, strerrorname_np(errno));
  exit(1);
}

static void notify(const char *state, int descriptor, pid_t pid) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL || (path[0] != '/' && path[0] != '@')) fail("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (path[0] == '@') address.sun_path[0] = 0;
  int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sock < 0) fail("socket");
  if ((fcntl(sock, F_GETFD) & FD_CLOEXEC) == 0) fail("close-on-exec");
  int bytes = 8 * 1024 * 1024;
  setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  struct iovec part = {.iov_base = (void *)state, .iov_len = strlen(state)};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {
      .msg_name = &address,
      .msg_namelen = offsetof(struct sockaddr_un, sun_path) + strlen(path),
      .msg_iov = &part,
      .msg_iovlen = 1,
  };
  if (descriptor >= 0 || pid != 0) {
    message.msg_control = &control;
    message.msg_controllen = (descriptor >= 0 ? CMSG_SPACE(sizeof(int)) : 0) + (pid != 0 ? CMSG_SPACE(sizeof(struct ucred)) : 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (descriptor >= 0) {
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
      header = CMSG_NXTHDR(&message, header);
    }
    if (pid != 0) {
      struct ucred from = {.pid = pid, .uid = getuid(), .gid = getgid()};
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_CREDENTIALS;
      header->cmsg_len = CMSG_LEN(sizeof from);
      memcpy(CMSG_DATA(header), &from, sizeof from);
    }
  }
  if (sendmsg(sock, &message, MSG_NOSIGNAL) < 0) {
    if (pid == 0) fail("sendmsg");
    message.msg_controllen = 0;
    message.msg_control = NULL;
    if (sendmsg(sock, &message, MSG_NOSIGNAL) < 0) fail("sendmsg again");
  }
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &size);
  printf("sent %s by a socket of type %d\n", state, type);
  close(sock);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  usleep(300000);
  puts("begins to say it");
  notify("READY=1\nSTATUS=In service: \x1b[31mred", -1, getppid());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) fail("pipe2");
  notify("BARRIER=1", ends[1], 0);
  close(ends[1]);
  struct pollfd end = {.fd = ends[0], .events = 0};
  if (poll(&end, 1, 60000) != 1 || (end.revents & POLLHUP) == 0) fail("barrier");
  puts("the barrier is passed");
  notify("STOPPING=1", -1, 0);
  getchar();
  return 0;
}
