// Tests signals that arrive while a connect waits: to a thread or the process, with SA_RESTART or without, and stops and kills.
#include "prelude.h"

static void interrupted(void) {
  int fd = tcp(0);
  take_alarms(0);
  long start = now_ms();
  pid_t child = signal_later(SIGALRM, 1, 200);
  printf("alarm: %s", said(call(fd, FULL)));
  printf(" %s alarms %d", about(now_ms() - start, 200), alarms);
  nonblocking(fd, 1);
  printf(" then %s", said(call(fd, FULL)));
  printf(" ready %s\n", ready(fd, 0));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(fd);
}

static void on_user(int signal) { (void)signal; }

/** Alarms with SA_RESTART, then one signal without it. */
static void restarted(int limit) {
  int fd = tcp(0);
  struct sigaction action = {.sa_handler = on_user};
  sigaction(SIGUSR1, &action, NULL);
  if (limit > 0) limit_sending(fd, limit);
  long start = now_ms();
  pid_t child = signal_later(SIGUSR1, 1, 700);
  alarm_after(100, 200, SA_RESTART);
  int result = call(fd, FULL);
  const char *word = said(result);
  long took = now_ms() - start;
  alarm_after(0, 0, 0);
  int count = alarms;
  printf("SA_RESTART%s: %s %s", limit > 0 ? ", SO_SNDTIMEO" : "", word, about(took, limit > 0 ? 100 : 700));
  printf(" alarms %s\n", limit > 0 ? "one" : count >= 0 ? "some" : "none");
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(fd);
}

static void *connects(void *unused) {
  (void)unused;
  int fd = tcp(0);
  limit_sending(fd, 5000);
  return (void *)said(call(fd, FULL));
}

/** Many threads wait, and one signal arrives for the process. One thread handles it, and the others do not notice it. */
static void handled_by_one(void) {
  pthread_t threads[8];
  int counts[3] = {0};
  for (int at = 0; at < 8; at += 1) pthread_create(&threads[at], NULL, connects, NULL);
  take_alarms(0);
  pid_t child = signal_later(SIGALRM, 9, 300);
  int fd = tcp(0);
  limit_sending(fd, 5000);
  const char *own = said(call(fd, FULL));
  for (int at = 0; at < 8; at += 1) {
    void *word;
    pthread_join(threads[at], &word);
    counts[strcmp(word, "EINTR") == 0 ? 0 : strcmp(word, "EINPROGRESS") == 0 ? 1 : 2] += 1;
    if (strcmp(word, "EINTR") != 0 && strcmp(word, "EINPROGRESS") != 0) printf("%s ", (char *)word);
  }
  // On a busy machine the kernel also wakes a second thread, and the broker interrupts another at each look until the signal is taken.
  int interrupted = counts[0] + (strcmp(own, "EINTR") == 0);
  printf("a signal for nine threads: interrupted %s, else %d\n", interrupted >= 1 && interrupted <= 4 ? "one" : "none or many",
         counts[2]);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(fd);
}

static volatile int over;
/** Again and again: a thread that sleeps may not have come to its connect. */
static void *signals_first_thread(void *target) {
  char name[16];
  snprintf(name, sizeof name, "%d", getpid());
  while (!sleeps(name, name)) usleep(10000);
  for (usleep(200000); !over; usleep(200000)) pthread_kill(*(pthread_t *)target, SIGUSR1);
  return NULL;
}

static void for_one_thread(void) {
  pthread_t self = pthread_self(), other;
  int fd = tcp(0);
  long start = now_ms();
  pthread_create(&other, NULL, signals_first_thread, &self);
  const char *word = said(call(fd, FULL));
  over = 1;
  printf("a signal for one thread: %s", word);
  printf(" %s\n", about(now_ms() - start, 200));
  pthread_join(other, NULL);
  close(fd);
}

static void ignored(void) {
  int fd = tcp(0);
  signal(SIGALRM, SIG_IGN);
  struct itimerval t = {.it_value.tv_usec = 100000};
  limit_sending(fd, 400);
  setitimer(ITIMER_REAL, &t, NULL);
  long start = now_ms();
  printf("an ignored signal: %s", said(call(fd, FULL)));
  printf(" %s\n", about(now_ms() - start, 400));
  close(fd);
}

/** A waiting child is stopped, continued and killed. */
static void stopped(void) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(call(tcp(0), FULL) == 0 ? 1 : 2);
  until_asleep(child, 1);
  usleep(200000);
  long start = now_ms();
  kill(child, SIGSTOP);
  waitpid(child, &status, WUNTRACED);
  printf("SIGSTOP: %s %s", WIFSTOPPED(status) ? "stopped" : "not", about(now_ms() - start, 0));
  kill(child, SIGCONT);
  usleep(100000);
  printf(" still there %s", said(kill(child, 0)));
  printf(" waits %s", waitpid(child, &status, WNOHANG) == 0 ? "yes" : "no");
  start = now_ms();
  kill(child, SIGTERM);
  waitpid(child, &status, 0);
  printf(" ended by %d %s\n", WTERMSIG(status), about(now_ms() - start, 0));
}

int main(int argc, char **argv) {
  ports(argc, argv);
  interrupted(), restarted(0), restarted(20000), handled_by_one(), for_one_thread(), ignored(), stopped();
}
