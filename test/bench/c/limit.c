// The C limits: starts a client, as `postern run` does, and does for it in C what the broker does.
//
// limit hand-over PROGRAM ARG...            PROGRAM gets two more words: hand-over FD
// limit trap|trap-checked PROGRAM ARG...
#include "limit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void send_fd(int to, int fd) {
  char space[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {"", 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  *CMSG_FIRSTHDR(&message) =
      (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof fd);
  if (sendmsg(to, &message, 0) != 1) exit(1);
}

static int receive_fd(int from) {
  char space[CMSG_SPACE(sizeof(int))], byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  int fd;
  if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen == 0) exit(1);
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

// Not every kernel wakes a helper that waits for reports when the last caller has ended.
static void end_with_client(int number) {
  (void)number;
  _exit(0);
}

static void become_client(int helper, bool hand_over, int count, char **words) {
  char number[16], *command[count + 3];
  memcpy(command, words, count * sizeof *words);
  snprintf(number, sizeof number, "%d", helper);
  command[count] = hand_over ? "hand-over" : NULL;
  command[count + 1] = number;
  command[count + 2] = NULL;
  signal(SIGCHLD, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!hand_over) {
    send_fd(helper, report_connects());
    close(helper);
  }
  execv(command[0], command);
  perror(command[0]);
  _exit(127);
}

int main(int argc, char **argv) {
  int pair[2];
  // A sandbox has no other descriptors either, and a search for duplicates would look at them.
  syscall(SYS_close_range, 3, ~0U, 0);
  if (argc < 3 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) return 2;
  bool hand_over = strcmp(argv[1], "hand-over") == 0;
  signal(SIGCHLD, end_with_client);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (fork() == 0) {
    close(pair[0]);
    become_client(pair[1], hand_over, argc - 2, argv + 2);
  }
  close(pair[1]);
  // The client's answers go to the caller directly, and end with the client.
  close(0);
  close(1);
  if (hand_over) serve_hand_over(pair[0]);
  else serve_trap(receive_fd(pair[0]), strcmp(argv[1], "trap-checked") == 0);
  return 1;
}
