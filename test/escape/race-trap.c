// Changes the arguments of a trapped call while another thread makes it: the address in memory, or the file behind the descriptor.
// Prints what it saw. The test knows whether a forbidden listener heard something. A wrong list of interfaces shows here.
#include "../interop/semantics/prelude.h"
#include <net/if.h>
#include <sys/ioctl.h>

static int ALLOWED, FORBIDDEN, FREE;
static volatile int over;
static volatile long flips;
static long calls, connected, wrong;
enum { SLOT = 60, LEAST_FLIPS = 100000, LEAST_CALLS = 6000, MOST_MS = 40000, LONG_MS = 40000 };
/** Goes on until it is killed. */
static int endless;

static volatile union {
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_un un;
  struct sockaddr_storage room;
} address;

/** Port, address and family in the one struct that all calls use. */
static void *flips_address(void *unused) {
  static const unsigned short FAMILIES[] = {AF_INET6, AF_UNSPEC, AF_UNIX, AF_NETLINK};
  for (long at = 0; !over; at += 1) {
    address.in.sin_port = htons(at & 1 ? ALLOWED : FORBIDDEN);
    address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ((at & 7) == 7));
    address.in.sin_family = (at & 15) == 11 ? FAMILIES[at >> 4 & 3] : AF_INET;
    flips += 1;
  }
  return unused;
}

static void note_peer(int fd) {
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0) return;
  connected += 1;
  wrong += peer.sin_family == AF_INET && ntohs(peer.sin_port) != ALLOWED;
}

static void call_address(void) {
  static const socklen_t LENGTHS[] = {16, 16, 28, 16, 110, 128};
  int six = calls % 8 == 7, fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | (calls & 1 ? SOCK_NONBLOCK : 0), 0);
  if (connect(fd, (struct sockaddr *)&address, LENGTHS[calls % 6]) == 0 || errno == EINPROGRESS) note_peer(fd);
  close(fd);
}

/** A socket of the host that is not connected, because its peer refused. */
static int refused_socket(int port) {
  int fd = tcp(SOCK_NONBLOCK);
  call(fd, port);
  ready(fd, 1000);
  error_of(fd);
  return fd;
}

enum { OWN, REFUSED, PEER, UNIX, OWN6, SOURCES };
static int sources[SOURCES];
static void *flips_descriptor(void *unused) {
  for (long at = 0; !over; at += 1) {
    dup2(sources[at % 4 < 2 ? at % 2 : at / 4 % SOURCES], SLOT);
    flips += 1;
  }
  return unused;
}

static void call_descriptor(void) {
  struct sockaddr_in forbidden = at(FORBIDDEN), any = {.sin_family = AF_INET};
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  switch (calls % 16) {
    case 0:
      connect(SLOT, &none, sizeof none);
      break;
    case 1:
      connect(SLOT, (struct sockaddr *)&path, sizeof path);
      break;
    case 2:
      bind(SLOT, (struct sockaddr *)&any, sizeof any);
      break;
    case 3:
      listen(SLOT, 1);
      connect(SLOT, &none, sizeof none);
      break;
    default:
      connect(SLOT, (struct sockaddr *)&forbidden, sizeof forbidden);
  }
}

/** An AF_UNIX address that becomes an IPv4 one, on a descriptor that becomes an IPv4 socket. */
static void *flips_unix(void *unused) {
  for (long at = 0; !over; at += 1) {
    address.in.sin_family = at & 1 ? AF_INET : AF_UNIX;
    dup2(sources[at & 1 ? REFUSED : UNIX], SLOT);
    flips += 1;
  }
  return unused;
}

/** The kernel executes a bind of an AF_UNIX socket. */
static void call_unix(void) {
  struct sockaddr_in own;
  socklen_t length = sizeof own;
  bind(SLOT, (struct sockaddr *)&address, 16);
  if (getsockname(sources[REFUSED], (struct sockaddr *)&own, &length) == 0 && own.sin_port == htons(FREE)) {
    printf("result wrong bound\n");
    fflush(stdout);
    _exit(0);
  }
}

/** The sandbox's own list, from before the race. */
static struct ifreq listed[16];
static int listed_bytes;
static int list(int fd, struct ifreq *into) {
  struct ifconf all = {.ifc_len = sizeof listed, .ifc_req = into};
  return ioctl(fd, SIOCGIFCONF, &all) < 0 ? -1 : all.ifc_len;
}

/** A socket of the sandbox that becomes one of the host. */
static void *flips_owner(void *unused) {
  for (long at = 0; !over; at += 1) {
    dup2(sources[at % 2 ? OWN : PEER], SLOT);
    flips += 1;
  }
  return unused;
}

/** The sandbox has its own list, and no second interface. */
static void call_interfaces(void) {
  struct ifreq found[16] = {0}, second = {.ifr_ifindex = 2};
  int bytes = calls % 2 ? list(SLOT, found) : -1, told = 0;
  if (calls % 2 == 0) told = ioctl(SLOT, SIOCGIFNAME, &second) == 0;
  else if (bytes >= 0) connected += 1, told = bytes != listed_bytes || memcmp(found, listed, bytes) != 0;
  wrong += told;
  if (!told || !endless) return;
  printf("result wrong told\n");
  fflush(stdout);
  _exit(0);
}

static void race(void *(*flip)(void *), void (*act)(void)) {
  pthread_t thread;
  const char *patience = getenv("PATIENCE");
  long start = now_ms(), most = MOST_MS * (patience == NULL ? 1 : atof(patience));
  pthread_create(&thread, NULL, flip, NULL);
  while ((endless || flips < LEAST_FLIPS || calls < LEAST_CALLS) && now_ms() - start < (endless ? LONG_MS : most))
    act(), calls += 1;
  over = 1;
  pthread_join(thread, NULL);
}

/** Children that die at any moment of their calls. */
static void deaths(void) {
  for (int count = 0; count < (endless ? 4000 : 200); count += 1) {
    pid_t child = fork();
    if (child == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, flips_address, NULL);
      for (;;) call_address(), calls += 1;
    }
    usleep(500 + count * 37 % 3000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    calls += 1, flips += LEAST_FLIPS;
  }
}

int main(int argc, char **argv) {
  const char *what = argv[1];
  if (argc < 5) return 2;
  ALLOWED = atoi(argv[2]), FORBIDDEN = atoi(argv[3]), FREE = atoi(argv[4]);
  address.in = at(ALLOWED);
  endless = argc > 5;
  if (strcmp(what, "address") == 0) race(flips_address, call_address);
  else if (strcmp(what, "deaths") == 0) deaths();
  else {
    int refused = refused_socket(FREE), peer = tcp(0);
    call(peer, ALLOWED);
    sources[OWN] = tcp(SOCK_NONBLOCK), sources[REFUSED] = refused, sources[PEER] = peer;
    sources[UNIX] = socket(AF_UNIX, SOCK_STREAM, 0);
    sources[OWN6] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    listed_bytes = list(sources[OWN], listed);
    if (strcmp(what, "interfaces") == 0) {
      race(flips_owner, call_interfaces);
      wrong += listed_bytes <= 0 || connected == 0;
    } else if (strcmp(what, "unix") == 0) {
      address.in = at(FREE);
      race(flips_unix, call_unix);
    } else race(flips_descriptor, call_descriptor);
    int listens = 0;
    socklen_t length = sizeof listens;
    getsockopt(refused, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
    wrong += listens;
    note_peer(peer);
  }
  printf("result flips %s\n", flips >= LEAST_FLIPS ? "enough" : "few");
  printf("result calls %s\n", calls >= (strcmp(what, "deaths") == 0 ? 200 : LEAST_CALLS) ? "enough" : "few");
  printf("result wrong %ld\n", wrong);
  fprintf(stderr, "%s: %ld flips, %ld calls, %ld connected\n", what, flips, calls, connected);
}
