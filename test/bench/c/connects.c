// The measured program in C, the same everywhere. It connects to IP by a plain connect(2), or by one of the ways below, and counts
// until bytes could flow. It prints "ready", takes lines on stdin, and answers with JSON lines on stdout. The lines are "connects COUNT ABREAST",
// and with serves.c as upstream, "bulk BYTES" and "ping COUNT", each over a new connection.
//
// PORTS is a port, or the first and the last of some: each line "connects" has the next one of them, and through a proxy also another address of
// its own. Ports in TIME_WAIT would slow a client that has made 14,000 connects in a minute to one of them.
//
// connects IP PORTS [socks5 PROXY_PORT | http PROXY_PORT | hand-over FD | channel]
#include "client.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in peer, proxy;
static const char *host;
static char ask[128];
static int first, last, port, helper;
static enum { PLAIN, SOCKS5, HTTP, HAND_OVER, CHANNEL } way;

struct work {
  int count;
  double *micros;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static bool by_proxy(void) {
  return way == SOCKS5 || way == HTTP;
}

void fail(const char *step) {
  fprintf(stderr, "%s: %s\n", step, strerror(errno));
  exit(1);
}

static int new_socket(void) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + port - first)};
  int fd, on = 1;
  if (way >= HAND_OVER) return -1;
  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (by_proxy() && (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
                     bind(fd, (struct sockaddr *)&own, sizeof own) != 0))
    fail("bind");
  return fd;
}

// Any thread may take the socket that another asked for: they are alike.
static int open_connection(int fd) {
  switch (way) {
  case SOCKS5:
    return connect_by_socks5(fd, &proxy, &peer);
  case HTTP:
    return connect_by_http(fd, &proxy, ask);
  case HAND_OVER:
    if (send(helper, &peer, sizeof peer, 0) != sizeof peer) fail("send");
    return receive_socket(helper);
  case CHANNEL:
    ask_channel(host, port);
    return take_from_channel();
  default:
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) fail("connect");
    return fd;
  }
}

static void *run(void *argument) {
  struct work *work = argument;
  for (int i = 0; i < work->count; i++) {
    int fd = new_socket();
    double start = now();
    fd = open_connection(fd);
    work->micros[i] = now() - start;
    close(fd);
  }
  return NULL;
}

static void stream(void (*use)(int, long long), long long amount) {
  int fd = new_socket();
  fd = open_connection(fd);
  double start = now();
  use(fd, amount);
  printf("{\"seconds\":%.6f}\n", (now() - start) / 1e6);
  fflush(stdout);
  close(fd);
}

static void choose(const char *name, int number) {
  proxy.sin_port = htons(number);
  helper = number;
  if (strcmp(name, "socks5") == 0) way = SOCKS5;
  else if (strcmp(name, "http") == 0) way = HTTP;
  else if (strcmp(name, "hand-over") == 0) way = HAND_OVER;
  else if (strcmp(name, "channel") == 0) way = CHANNEL;
  else exit(2);
  if (way == CHANNEL) open_channel();
}

static void take_port(int number) {
  port = number;
  peer.sin_port = htons(port);
  snprintf(ask, sizeof ask, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n", host, port, host, port);
}

static void measure(int count, int abreast) {
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
  take_port(port < last ? port + 1 : first);
}

int main(int argc, char **argv) {
  char line[64];
  int count, abreast;
  long long amount;
  if (argc < 3) return 2;
  host = argv[1];
  if (sscanf(argv[2], "%d-%d", &first, &last) < 2) last = first;
  peer = (struct sockaddr_in){.sin_family = AF_INET};
  inet_pton(AF_INET, host, &peer.sin_addr);
  proxy = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  take_port(first);
  if (argc > 3) choose(argv[3], argc > 4 ? atoi(argv[4]) : 0);
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "connects %d %d", &count, &abreast) == 2) measure(count, abreast);
    else if (sscanf(line, "bulk %lld", &amount) == 1) stream(take_bytes, amount);
    else if (sscanf(line, "ping %lld", &amount) == 1) stream(ping, amount);
    else return 2;
  }
  return 0;
}
