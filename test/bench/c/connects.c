// The measured program in C, the same everywhere. It connects to IP:PORT by a plain connect(2), or by one of the ways below, and counts
// until bytes could flow. It takes lines on stdin, "connects COUNT ABREAST", and answers with JSON lines on stdout.
//
// connects IP PORT [socks5 PROXY_PORT | http PROXY_PORT | hand-over FD]
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in peer, first;
static char ask[128];
static int helper;

struct work {
  int count;
  double *micros;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void fail(const char *step) {
  perror(step);
  exit(1);
}

static void by_connect(int fd) {
  if (connect(fd, (struct sockaddr *)&first, sizeof first) != 0) fail("connect");
}

static void take(int fd, char *into, int length) {
  if (recv(fd, into, length, MSG_WAITALL) != length) fail("reply of the proxy");
}

// RFC 1928
static void by_socks5(int fd) {
  char reply[10], request[10] = {5, 1, 0, 1};
  by_connect(fd);
  if (send(fd, "\5\1\0", 3, 0) != 3) fail("send");
  take(fd, reply, 2);
  memcpy(request + 4, &peer.sin_addr, 4);
  memcpy(request + 8, &peer.sin_port, 2);
  if (send(fd, request, 10, 0) != 10) fail("send");
  take(fd, reply, 10);
  if (reply[1] != 0) exit(3);
}

// RFC 9110, 9.3.6. The upstream sends nothing, so all bytes are the proxy's.
static void by_http(int fd) {
  char reply[1024] = "";
  size_t got = 0, length = strlen(ask);
  by_connect(fd);
  if (send(fd, ask, length, 0) != (ssize_t)length) fail("send");
  while (strstr(reply, "\r\n\r\n") == NULL) {
    ssize_t more = recv(fd, reply + got, sizeof reply - 1 - got, 0);
    if (more <= 0) fail("reply of the proxy");
    got += more;
    reply[got] = 0;
  }
  if (strstr(reply, " 200 ") == NULL) exit(3);
}

// Any thread may take the socket that another asked for: they are alike.
static int by_hand_over(void) {
  char space[CMSG_SPACE(sizeof(int))], byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  int fd;
  if (send(helper, &peer, sizeof peer, 0) != sizeof peer) fail("send");
  if (recvmsg(helper, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen == 0) fail("recvmsg");
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

static void (*way)(int) = by_connect;

static void *run(void *argument) {
  struct work *work = argument;
  for (int i = 0; i < work->count; i++) {
    int fd = way == NULL ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    double start = now();
    if (way == NULL) fd = by_hand_over();
    else way(fd);
    work->micros[i] = now() - start;
    close(fd);
  }
  return NULL;
}

static void choose(const char *name, int number) {
  if (strcmp(name, "hand-over") == 0) {
    way = NULL;
    helper = number;
    return;
  }
  first.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  first.sin_port = htons(number);
  way = strcmp(name, "socks5") == 0 ? by_socks5 : by_http;
}

int main(int argc, char **argv) {
  char line[64];
  int count, abreast;
  if (argc != 3 && argc != 5) return 2;
  peer.sin_family = AF_INET;
  peer.sin_port = htons(atoi(argv[2]));
  inet_pton(AF_INET, argv[1], &peer.sin_addr);
  first = peer;
  snprintf(ask, sizeof ask, "CONNECT %s:%s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", argv[1], argv[2], argv[1], argv[2]);
  if (argc == 5) choose(argv[3], atoi(argv[4]));
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "connects %d %d", &count, &abreast) != 2) return 2;
    int each = count / abreast, total = each * abreast;
    double *micros = malloc(total * sizeof *micros);
    pthread_t threads[abreast];
    struct work work[abreast];
    double start = now();
    for (int i = 0; i < abreast; i++) {
      work[i] = (struct work){each, micros + i * each};
      if (pthread_create(&threads[i], NULL, run, &work[i]) != 0) fail("pthread_create");
    }
    for (int i = 0; i < abreast; i++) pthread_join(threads[i], NULL);
    printf("{\"seconds\":%.6f,\"micros\":[", (now() - start) / 1e6);
    for (int i = 0; i < total; i++) printf("%s%.2f", i == 0 ? "" : ",", micros[i]);
    printf("]}\n");
    fflush(stdout);
    free(micros);
  }
  return 0;
}
