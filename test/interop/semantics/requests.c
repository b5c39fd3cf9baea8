// Tests the requests of ioctl(2) that a program makes of a socket: the mark of urgent data, the owner, and what is the same of every `lo`.
#include "prelude.h"
#include <linux/sockios.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>

static const char *whose(int owner) {
  return owner == getpid() ? "this process" : owner == -getpgrp() ? "this group" : owner == 0 ? "nobody" : "another";
}

static void asked(const char *name, int fd, unsigned long request) {
  int found = -1;
  const char *result = said(ioctl(fd, request, &found));
  printf(" %s %s %s", name, result, whose(found));
}

static void owner(const char *what, int fd, unsigned long request, int value) {
  printf("owner, %s: %s", what, said(ioctl(fd, request, &value)));
  asked("SIOCGPGRP", fd, SIOCGPGRP), asked("FIOGETOWN", fd, FIOGETOWN);
  printf(" F_GETOWN %s\n", whose(fcntl(fd, F_GETOWN)));
}

static void owners(int fd) {
  owner("SIOCSPGRP", fd, SIOCSPGRP, getpid());
  owner("FIOSETOWN, nobody", fd, FIOSETOWN, 0);
  owner("FIOSETOWN, a group", fd, FIOSETOWN, -getpgrp());
  owner("no such process", fd, SIOCSPGRP, 0x3fffffff);
  printf("no memory: %s\n", said(ioctl(fd, SIOCSPGRP, NULL)));
}

static void mark(const char *where, int fd) { printf("at the mark, %s: %d\n", where, sockatmark(fd)); }

/** Urgent data comes between two bytes. */
static void urgent(void) {
  int port, listening = listener(1, &port), fd = tcp(0);
  char byte;
  call(fd, port);
  int served = accept(listening, NULL, NULL);
  send(fd, "a", 1, 0), send(fd, "b", 1, MSG_OOB), send(fd, "c", 1, 0);
  struct pollfd urgently = {.fd = served, .events = POLLPRI};
  printf("urgent data: %d\n", poll(&urgently, 1, 5000));
  mark("before it", served);
  printf("read %s", said(read(served, &byte, 1)));
  printf(" %c\n", byte);
  mark("behind it", served);
  owners(served);
  close(fd), close(served), close(listening);
}

static void read_of(const char *what, int fd, unsigned long request, const char *name, int index) {
  struct ifreq asked = {0};
  snprintf(asked.ifr_name, IFNAMSIZ, "%s", name);
  if (index >= 0) asked.ifr_ifindex = index;
  printf("%s of \"%s\", %d: %s %.16s", what, name, index, said(ioctl(fd, request, &asked)), asked.ifr_name);
  const unsigned char *value = (const unsigned char *)&asked.ifr_addr;
  for (int at = 0; at < 24; at += 1) printf("%02x", value[at]);
  printf("\n");
}

static void lists(int fd, int room) {
  static struct ifreq found[4096 / sizeof(struct ifreq)];
  struct ifconf all = {.ifc_len = room, .ifc_req = found};
  memset(found, 7, sizeof found);
  printf("a list of %d bytes: %s", room, said(ioctl(fd, SIOCGIFCONF, &all)));
  struct sockaddr_in *first = (struct sockaddr_in *)&found[0].ifr_addr;
  int fits = room >= (int)sizeof *found, whole = all.ifc_len % sizeof *found == 0;
  printf(" whole entries %s, %s", whole ? "yes" : "no", fits == (all.ifc_len > 0) ? "as many as fit" : "others");
  if (fits) printf(", %s %s", found[0].ifr_name, inet_ntoa(first->sin_addr));
  printf(", behind them %s\n", ((char *)found)[all.ifc_len] == 7 ? "nothing" : "something");
}

/** What a library finds of the loopback interface. Every network namespace has it first. */
static void loopback(int domain, int type) {
  static const struct {
    const char *name;
    unsigned long request;
  } READS[] = {
      {"SIOCGIFFLAGS", SIOCGIFFLAGS}, {"SIOCGIFADDR", SIOCGIFADDR}, {"SIOCGIFDSTADDR", SIOCGIFDSTADDR},
      {"SIOCGIFBRDADDR", SIOCGIFBRDADDR}, {"SIOCGIFNETMASK", SIOCGIFNETMASK}, {"SIOCGIFMETRIC", SIOCGIFMETRIC},
      {"SIOCGIFMTU", SIOCGIFMTU}, {"SIOCGIFHWADDR", SIOCGIFHWADDR}, {"SIOCGIFINDEX", SIOCGIFINDEX},
      {"SIOCGIFTXQLEN", SIOCGIFTXQLEN}, {"SIOCGIFMAP", SIOCGIFMAP},
  };
  int fd = socket(domain, type, 0);
  for (size_t at = 0; at < sizeof READS / sizeof *READS; at += 1) {
    read_of(READS[at].name, fd, READS[at].request, "lo", -1);
    read_of(READS[at].name, fd, READS[at].request, "none", -1);
  }
  read_of("SIOCGIFNAME", fd, SIOCGIFNAME, "", 1), read_of("SIOCGIFNAME", fd, SIOCGIFNAME, "", 70000);
  for (int room = -40; room <= 40; room += 20) lists(fd, room);
  struct ifconf length = {.ifc_len = 0, .ifc_req = NULL};
  printf("its length: %s", said(ioctl(fd, SIOCGIFCONF, &length)));
  printf(" %s\n", length.ifc_len > 0 && length.ifc_len % sizeof(struct ifreq) == 0 ? "of entries" : "strange");
  printf("no memory: %s", said(ioctl(fd, SIOCGIFINDEX, NULL)));
  printf(" %s", said(ioctl(fd, SIOCGIFCONF, NULL)));
  length = (struct ifconf){.ifc_len = 400, .ifc_req = (struct ifreq *)8};
  printf(" %s\n", said(ioctl(fd, SIOCGIFCONF, &length)));
  close(fd);
  printf("closed: %s\n", said(ioctl(fd, SIOCGIFCONF, &length)));
}

static void library(void) {
  char name[IFNAMSIZ] = "";
  struct addrinfo *found = NULL;
  printf("if_nametoindex: %u", if_nametoindex("lo"));
  unsigned none = if_nametoindex("none");
  printf(" %u %s", none, name_of(errno));
  const char *result = if_indextoname(1, name);
  printf(" if_indextoname: %s", result == NULL ? said(-1) : result);
  printf(" %s", if_indextoname(70000, name) == NULL ? said(-1) : name);
  printf(" getaddrinfo: %d", getaddrinfo("fe80::1%lo", "80", NULL, &found));
  printf(" scope %u\n", found == NULL ? 0 : ((struct sockaddr_in6 *)found->ai_addr)->sin6_scope_id);
}

int main(int argc, char **argv) {
  ports(argc, argv);
  int fd = tcp(0), none = open("/dev/null", O_RDWR), pair[2];
  mark("unconnected", fd);
  printf("connect: %s\n", said(call(fd, OPEN)));
  mark("connected", fd);
  owners(fd);
  urgent();
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  mark("AF_UNIX", pair[0]);
  owners(pair[0]);
  mark("no socket", none);
  close(none);
  mark("closed", none);
  loopback(AF_INET, SOCK_DGRAM), loopback(AF_INET6, SOCK_STREAM), loopback(AF_UNIX, SOCK_STREAM);
  library();
  return 0;
}
