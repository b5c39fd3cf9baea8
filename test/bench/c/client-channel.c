// Asks postern's broker by the channel of PROTOCOL.md. Messages are MessagePack maps.
#include "client.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int request_fd, reply_fd;
static atomic_uint next_id;

int receive_socket(int from) {
  char space[CMSG_SPACE(sizeof(int))], bytes[512];
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message;
  struct pollfd ready = {from, POLLIN, 0};
  int fd;
  ssize_t got;
  do {
    message = (struct msghdr){
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EAGAIN && poll(&ready, 1, -1) == 1);
  if (got <= 0) fail("recvmsg");
  if (message.msg_controllen == 0) fail("reply without a socket");
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

static void send_request(const char *bytes, size_t length) {
  struct pollfd ready = {request_fd, POLLOUT, 0};
  while (write(request_fd, bytes, length) != (ssize_t)length)
    if (errno != EAGAIN || poll(&ready, 1, -1) != 1) fail("write");
}

void open_channel(void) {
  const char hello[] = "\x82\xa2op\xa5hello\xa7version\x01";
  char reply[512];
  struct pollfd ready;
  const char *request = getenv("POSTERN_REQUEST_FD"), *answer = getenv("POSTERN_REPLY_FD");
  if (request == NULL || answer == NULL) fail("POSTERN_REQUEST_FD and POSTERN_REPLY_FD");
  request_fd = atoi(request);
  reply_fd = atoi(answer);
  send_request(hello, sizeof hello - 1);
  ready = (struct pollfd){reply_fd, POLLIN, 0};
  poll(&ready, 1, -1);
  if (recv(reply_fd, reply, sizeof reply, 0) <= 0) fail("hello");
}

void ask_channel(const char *host, int port) {
  char message[128], *end = message;
  unsigned id = htonl(atomic_fetch_add(&next_id, 1));
  unsigned short number = htons(port);
  end = stpcpy(end, "\x84\xa2op\xa7" "connect\xa2" "id\xce");
  end = mempcpy(end, &id, sizeof id);
  end = stpcpy(end, "\xa4host");
  *end++ = 0xa0 | strlen(host);
  end = stpcpy(end, host);
  end = stpcpy(end, "\xa4port\xcd");
  end = mempcpy(end, &number, sizeof number);
  send_request(message, end - message);
}

int take_from_channel(void) {
  return receive_socket(reply_fd);
}
