// Tests the result of connect(2) in each state of a socket.
#include "prelude.h"

static void blocking(void) {
  int fd = tcp(0);
  printf("blocking: %s", said(call(fd, OPEN)));
  printf(" peer %s", peer_of(fd));
  printf(" again %s", said(call(fd, OPEN)));
  printf(" elsewhere %s", said(call(fd, CLOSED)));
  printf(" error %s\n", error_of(fd));
  close(fd);
}

static void blocking_refused(void) {
  int fd = tcp(0);
  printf("blocking, refused: %s", said(call(fd, CLOSED)));
  printf(" again %s", said(call(fd, CLOSED)));
  printf(" error %s", error_of(fd));
  printf(" peer %s", peer_of(fd));
  printf(" elsewhere %s\n", said(call(fd, OPEN)));
  close(fd);
}

static void waiting(void) {
  int fd = tcp(SOCK_NONBLOCK);
  printf("non-blocking: %s", said(call(fd, OPEN)));
  printf(" ready %s", ready(fd, 20000));
  printf(" error %s", error_of(fd));
  printf(" peer %s", peer_of(fd));
  printf(" again %s", said(call(fd, OPEN)));
  printf(" once more %s\n", said(call(fd, OPEN)));
  close(fd);
}

static void waiting_refused(void) {
  int fd = tcp(SOCK_NONBLOCK);
  printf("non-blocking, refused: %s", said(call(fd, CLOSED)));
  printf(" ready %s", ready(fd, 20000));
  printf(" error %s", error_of(fd));
  printf(" error %s", error_of(fd));
  printf(" again %s", said(call(fd, CLOSED)));
  printf(" once more %s", said(call(fd, OPEN)));
  printf(" ready %s", ready(fd, 20000));
  printf(" error %s\n", error_of(fd));
  close(fd);
}

static void refused_unread(void) {
  int fd = tcp(SOCK_NONBLOCK);
  printf("non-blocking, refused, error unread: %s", said(call(fd, CLOSED)));
  ready(fd, 20000);
  printf(" again %s", said(call(fd, CLOSED)));
  printf(" once more %s", said(call(fd, OPEN)));
  printf(" ready %s\n", ready(fd, 20000));
  close(fd);
}

static void unanswered(void) {
  int fd = tcp(SOCK_NONBLOCK);
  printf("unanswered: %s", said(call(fd, FULL)));
  printf(" again %s", said(call(fd, FULL)));
  printf(" elsewhere %s", said(call(fd, OPEN)));
  printf(" ready %s peer %s", ready(fd, 0), peer_of(fd));
  nonblocking(fd, 0);
  limit_sending(fd, 200);
  long start = now_ms();
  printf(" blocking now %s", said(call(fd, FULL)));
  printf(" %s\n", about(now_ms() - start, 200));
  close(fd);
}

static void limited(void) {
  int fd = tcp(0);
  limit_sending(fd, 200);
  long start = now_ms();
  printf("SO_SNDTIMEO: %s", said(call(fd, FULL)));
  printf(" %s", about(now_ms() - start, 200));
  nonblocking(fd, 1);
  printf(" then %s", said(call(fd, FULL)));
  printf(" ready %s\n", ready(fd, 0));
  close(fd);
}

static void dissolved(void) {
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  int fd = tcp(0);
  printf("AF_UNSPEC on a new socket: %s\n", said(connect(fd, &none, sizeof none)));
  call(fd, CLOSED);
  printf("AF_UNSPEC after a failure: %s", said(connect(fd, &none, sizeof none)));
  printf(" then %s\n", said(call(fd, OPEN)));
  close(fd);
}

static void bound_before(void) {
  int fd = tcp(0), one = 1;
  struct sockaddr_in a = at(0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  printf("bound before: %s", said(bind(fd, (struct sockaddr *)&a, sizeof a)));
  printf(" %s", said(call(fd, OPEN)));
  printf(" peer %s\n", peer_of(fd));
  close(fd);
}

static void listening(void) {
  int port, fd = listener(1, &port);
  printf("a listener connects: %s\n", said(call(fd, OPEN)));
  close(fd);
}

int main(int argc, char **argv) {
  ports(argc, argv);
  blocking(), blocking_refused(), waiting(), waiting_refused(), refused_unread(), unanswered(), limited();
  dissolved(), bound_before(), listening();
}
