// Tests connections that stay inside the sandbox: listeners and clients on its loopback, UDP, and AF_UNIX of every kind.
#include "prelude.h"
#include <mqueue.h>
#include <resolv.h>
#include <stddef.h>

static void *accepts(void *listener) {
  int fd = accept(*(int *)listener, NULL, NULL);
  char byte;
  if (read(fd, &byte, 1) == 1) byte += 1;
  if (write(fd, &byte, 1) < 0) perror("write");
  close(fd);
  return NULL;
}

static void served(const char *name, int listening, struct sockaddr *a, socklen_t length) {
  pthread_t thread;
  char byte = 'a';
  pthread_create(&thread, NULL, accepts, &listening);
  int fd = socket(a->sa_family, SOCK_STREAM, 0);
  printf("%s: %s", name, said(connect(fd, a, length)));
  printf(" wrote %s", said(write(fd, &byte, 1)));
  printf(" read %s", said(read(fd, &byte, 1)));
  printf(" %c\n", byte);
  pthread_join(thread, NULL);
  close(fd);
}

static void inet(void) {
  int port, fd = listener(5, &port);
  struct sockaddr_in a = at(port);
  served("IPv4", fd, (struct sockaddr *)&a, sizeof a);
  a.sin_addr.s_addr = INADDR_ANY;
  served("0.0.0.0", fd, (struct sockaddr *)&a, sizeof a);
  inet_pton(AF_INET, "127.9.8.7", &a.sin_addr);
  printf("another loopback address: %s\n", said(connect(tcp(0), (struct sockaddr *)&a, sizeof a)));
  close(fd);
  int six = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 b = at6("::", 0);
  socklen_t length = sizeof b;
  bind(six, (struct sockaddr *)&b, sizeof b), listen(six, 5);
  getsockname(six, (struct sockaddr *)&b, &length);
  inet_pton(AF_INET6, "::1", &b.sin6_addr);
  served("IPv6", six, (struct sockaddr *)&b, sizeof b);
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &b.sin6_addr);
  served("v4-mapped, dual stack", six, (struct sockaddr *)&b, sizeof b);
  close(six);
}

/** A blocking connect waits while the queue is full, and returns once the listener accepts a client. Other connects go on meanwhile. */
static void full_queue(void) {
  int port, fd = listener(0, &port), first = tcp(0), other_port, other = listener(1, &other_port);
  call(first, port);
  int second = tcp(SOCK_NONBLOCK);
  call(second, port);
  usleep(100000);
  pid_t child = fork();
  if (child == 0) {
    usleep(300000);
    // Whoever waits for the first connect answers this one too late: nobody makes room then.
    call(tcp(0), other_port);
    for (int count = 0; count < 2; count += 1) accept(fd, NULL, NULL);
    sleep(3);
    _exit(0);
  }
  int third = tcp(0);
  struct timeval limit = {.tv_sec = 20};
  setsockopt(third, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  printf("a full queue: %s\n", said(call(third, port)));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(fd), close(other), close(first), close(second), close(third);
}

static void udp(void) {
  int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in a = at(0);
  socklen_t length = sizeof a;
  char text[8] = "";
  printf("UDP: bind %s", said(bind(server, (struct sockaddr *)&a, sizeof a)));
  getsockname(server, (struct sockaddr *)&a, &length);
  printf(" sendto %s", said(sendto(client, "one", 3, 0, (struct sockaddr *)&a, sizeof a)));
  printf(" read %s", said(read(server, text, 7)));
  printf(" %s", text);
  printf(" connect %s", said(connect(client, (struct sockaddr *)&a, sizeof a)));
  printf(" send %s", said(send(client, "two", 3, 0)));
  printf(" read %s", said(read(server, text, 7)));
  printf(" %s", text);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  printf(" AF_UNSPEC %s", said(connect(client, &none, sizeof none)));
  printf(" listen %s\n", said(listen(client, 1)));
  close(server), close(client);
}

/** A port where nobody receives. */
static int closed_udp(int family) {
  struct sockaddr_in6 a = at6("::1", 0);
  struct sockaddr_in b = at(0);
  socklen_t length = family == AF_INET ? sizeof b : sizeof a;
  struct sockaddr *own = family == AF_INET ? (struct sockaddr *)&b : (struct sockaddr *)&a;
  int fd = socket(family, SOCK_DGRAM, 0);
  bind(fd, own, length), getsockname(fd, own, &length), close(fd);
  return ntohs(family == AF_INET ? b.sin_port : a.sin6_port);
}

/** IP_RECVERR, as resolvers set it: the next call returns the error, and poll(2) then reports none. */
static void refused_datagram(const char *name, int family) {
  int fd = socket(family, SOCK_DGRAM, 0), on = 1, port = closed_udp(family);
  struct sockaddr_in6 a = at6("::1", port);
  struct sockaddr_in b = at(port);
  printf("%s: connect %s", name, said(family == AF_INET ? connect(fd, (struct sockaddr *)&b, sizeof b) : connect(fd, (struct sockaddr *)&a, sizeof a)));
  printf(" reports %s", said(family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on)));
  char text[512];
  printf(" send %s", said(send(fd, "one", 3, 0)));
  struct pollfd p = {.fd = fd, .events = POLLIN};
  printf(" poll %s", poll(&p, 1, 5000) == 1 && (p.revents & POLLERR) ? "err" : "nothing");
  printf(" recv %s", said(recv(fd, text, sizeof text, MSG_DONTWAIT)));
  while (recv(fd, text, sizeof text, MSG_ERRQUEUE) >= 0) continue;
  printf(" then recv %s", said(recv(fd, text, sizeof text, MSG_DONTWAIT)));
  printf(" poll %s\n", ready(fd, 0));
  close(fd);
}

/** The resolver of the C library tries another server at once, instead of after 5 s, where a server's port is closed. */
static void closed_name_server(void) {
  struct __res_state resolver = {0};
  unsigned char answer[512];
  res_ninit(&resolver);
  resolver.nscount = 1, resolver.retrans = 5, resolver.retry = 2;
  resolver.nsaddr_list[0] = at(closed_udp(AF_INET));
  long start = now_ms();
  int length = res_nquery(&resolver, "a.example.com", 1, 1, answer, sizeof answer);
  printf("a name server's port is closed: %s, %s\n", length < 0 ? "no answer" : "an answer", now_ms() - start < 4000 ? "at once" : "late");
  res_nclose(&resolver);
}

/** A group on the loopback interface, and by which interface a datagram came. */
static void groups(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1, ttl = -1;
  struct sockaddr_in a = at(0);
  socklen_t length = sizeof a, size = sizeof ttl;
  a.sin_addr.s_addr = INADDR_ANY;
  bind(fd, (struct sockaddr *)&a, sizeof a), getsockname(fd, (struct sockaddr *)&a, &length);
  struct ip_mreqn group = {.imr_ifindex = 1};
  inet_pton(AF_INET, "239.1.2.3", &group.imr_multiaddr);
  printf("group: join %s", said(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group)));
  printf(" again %s", said(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group)));
  printf(" interface %s", said(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group)));
  printf(" loop %s", said(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one)));
  getsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, &size);
  printf(" ttl %d set %s", ttl, said(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &one, sizeof one)));
  printf(" pktinfo %s", said(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one)));
  a.sin_addr = group.imr_multiaddr;
  printf(" send %s", said(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof a)));
  char byte, control[256];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  printf(" receive %s", said(recvmsg(fd, &message, 0)));
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  struct in_pktinfo *info = head == NULL ? NULL : (struct in_pktinfo *)CMSG_DATA(head);
  printf(" by %d to %s", info == NULL ? -1 : info->ipi_ifindex, info == NULL ? "nobody" : inet_ntoa(info->ipi_addr));
  printf(" leave %s\n", said(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group)));
  close(fd);
}

/** A POSIX message queue of the default size. */
static void queue(void) {
  char name[64], text[8192];
  snprintf(name, sizeof name, "/postern-test-%d", getpid());
  mqd_t fd = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
  printf("queue: %s", said(fd));
  printf(" send %s", said(mq_send(fd, "hello", 5, 0)));
  printf(" receive %s", said(mq_receive(fd, text, sizeof text, NULL)));
  printf(" unlink %s\n", said(mq_unlink(name)));
  mq_close(fd);
}

static void local(const char *name, struct sockaddr_un *a, socklen_t length) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("%s: bind %s", name, said(bind(fd, (struct sockaddr *)a, length)));
  printf(" again %s", said(bind(other, (struct sockaddr *)a, length)));
  printf(" early %s", said(connect(other, (struct sockaddr *)a, length)));
  printf(" listen %s", said(listen(fd, 0)));
  printf(" connect %s", said(connect(other, (struct sockaddr *)a, length)));
  int third = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  printf(" full %s", said(connect(third, (struct sockaddr *)a, length)));
  int served = accept(fd, NULL, NULL);
  printf(" again %s", said(connect(other, (struct sockaddr *)a, length)));
  struct ucred who;
  socklen_t size = sizeof who;
  getsockopt(served, SOL_SOCKET, SO_PEERCRED, &who, &size);
  printf(" the client's uid %s", who.uid == getuid() ? "ok" : "other");
  char text[8] = "";
  if (write(other, "hello", 5) < 0) perror("write");
  printf(" read %s", said(read(served, text, 5)));
  printf(" %s\n", text);
  close(fd), close(other), close(third), close(served);
}

static void unix_sockets(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  char folder[] = "/tmp/semantics-XXXXXX";
  snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", mkdtemp(folder));
  local("a path", &a, sizeof a);
  unlink(a.sun_path), rmdir(folder);
  snprintf(a.sun_path + 1, 40, "postern-semantics-%d", getpid());
  a.sun_path[0] = 0;
  local("an abstract name", &a, offsetof(struct sockaddr_un, sun_path) + 30);
  snprintf(a.sun_path, sizeof a.sun_path, "/nonexistent/socket");
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("no such path: %s\n", said(connect(fd, (struct sockaddr *)&a, sizeof a)));
  struct sockaddr_in inet = at(OPEN);
  printf("an inet address on an AF_UNIX socket: %s\n", said(connect(fd, (struct sockaddr *)&inet, sizeof inet)));
  close(fd);
  int pair[2];
  char text[8] = "";
  printf("a pair: %s", said(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
  printf(" send %s", said(send(pair[0], "pair", 4, 0)));
  printf(" read %s", said(read(pair[1], text, 7)));
  printf(" %s\n", text);
}

int main(int argc, char **argv) {
  ports(argc, argv);
  inet(), full_queue(), udp(), groups(), queue(), unix_sockets();
  refused_datagram("a refused datagram, IPv4", AF_INET), refused_datagram("IPv6", AF_INET6), closed_name_server();
}
