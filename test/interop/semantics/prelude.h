// What the programs of this folder begin with: addresses, what a call answered in words, and time. Each prints a line a step; the
// test compares the lines of a run on the host with those of one in a sandbox.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** Ports: one that listens, one where nobody does, one whose queue is full. */
static int OPEN, CLOSED, FULL;
/** The listener of OPEN where it is this program's own, else -1. */
static int own_listener = -1;

static const char *name_of(int error) {
  const char *name = strerrorname_np(error);
  return name == NULL ? "an errno that is none" : name;
}

static const char *said(long result) { return result < 0 ? name_of(errno) : "ok"; }

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/** Whether a time is what was asked for, give or take a busy machine: never before, and not much later. A connect that nothing ends takes minutes. */
static const char *about(long ms, long wanted) {
  static char late[64];
  const char *patience = getenv("POSTERN_TEST_PATIENCE");
  double slack = 5000 * (patience == NULL ? 1 : atof(patience));
  if (ms >= wanted - 20 && ms < wanted + slack) return "in time";
  snprintf(late, sizeof late, "after %ld ms instead of %ld", ms, wanted);
  return late;
}

static struct sockaddr_in at(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return a;
}

static struct sockaddr_in6 at6(const char *host, int port) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, host, &a.sin6_addr);
  return a;
}

static int call(int fd, int port) {
  struct sockaddr_in a = at(port);
  return connect(fd, (struct sockaddr *)&a, sizeof a);
}

static int tcp(int flags) { return socket(AF_INET, SOCK_STREAM | flags, 0); }

static const char *error_of(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return said(-1);
  return error == 0 ? "none" : name_of(error);
}

static const char *peer_of(int fd) {
  struct sockaddr_storage a;
  socklen_t length = sizeof a;
  return said(getpeername(fd, (struct sockaddr *)&a, &length));
}

/** What poll(2) tells of a socket within a time. */
static const char *ready(int fd, int ms) {
  static char text[64];
  struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
  int count = poll(&p, 1, ms);
  snprintf(text, sizeof text, "%s%s%s%s", count == 0 ? "nothing" : "", p.revents & POLLOUT ? "out " : "",
           p.revents & POLLERR ? "err " : "", p.revents & POLLHUP ? "hup " : "");
  return text;
}

static void nonblocking(int fd, int on) {
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static void limit_sending(int fd, int ms) {
  struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/** A listener of this program's own loopback, whose queue holds so many. */
static int listener(int backlog, int *port) {
  int fd = tcp(SOCK_CLOEXEC);
  struct sockaddr_in a = at(0);
  socklen_t length = sizeof a;
  bind(fd, (struct sockaddr *)&a, sizeof a);
  if (backlog >= 0) listen(fd, backlog);
  getsockname(fd, (struct sockaddr *)&a, &length);
  *port = ntohs(a.sin_port);
  return fd;
}

/** Fills the queue of a listener with a backlog of 0. */
static void fill(int port) {
  for (int at = 0; at < 3; at += 1) call(tcp(SOCK_NONBLOCK | SOCK_CLOEXEC), port);
  usleep(50000);
}

/** The ports that the arguments name, or three of this program's own where they say `own`. */
static void ports(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 3) {
    OPEN = atoi(argv[1]), CLOSED = atoi(argv[2]), FULL = atoi(argv[3]);
    return;
  }
  own_listener = listener(128, &OPEN);
  listener(-1, &CLOSED);
  listener(0, &FULL);
  fill(FULL);
}

/** Whether a thread sleeps, as in a call that waits. */
static int sleeps(const char *pid, const char *tid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%.16s/task/%.16s/stat", pid, tid);
  FILE *file = fopen(path, "r");
  char *end = file != NULL && fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
  if (file != NULL) fclose(file);
  return end != NULL && end[2] == 'S';
}

/** Waits until a process has so many threads, and all of them sleep. */
static void until_asleep(pid_t pid, int threads) {
  char name[16], path[64];
  snprintf(name, sizeof name, "%d", pid);
  snprintf(path, sizeof path, "/proc/%s/task", name);
  for (int found = 0; found != threads; usleep(10000)) {
    DIR *folder = opendir(path);
    found = 0;
    for (struct dirent *one; folder != NULL && (one = readdir(folder)) != NULL;) found += one->d_name[0] != '.' && sleeps(name, one->d_name);
    if (folder != NULL) closedir(folder);
  }
}

/** A child that sends a signal to this process: a time after that many threads, which are all, wait in a call. */
static pid_t signal_later(int signal, int threads, int ms) {
  pid_t self = getpid(), child = fork();
  if (child != 0) return child;
  until_asleep(self, threads);
  usleep(ms * 1000);
  kill(self, signal);
  _exit(0);
}

/** Arms SIGALRM. @param flags of its handler: SA_RESTART or 0 */
static volatile int alarms;
static void on_alarm(int signal) { alarms += signal == SIGALRM; }
static void take_alarms(int flags) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
  sigaction(SIGALRM, &action, NULL);
  alarms = 0;
}
static void alarm_after(int ms, int every, int flags) {
  struct itimerval t = {.it_value.tv_usec = ms * 1000, .it_interval.tv_usec = every * 1000};
  take_alarms(flags);
  setitimer(ITIMER_REAL, &t, NULL);
}
