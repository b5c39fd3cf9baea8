// Connects through a proxy, until the tunnel is up.
#include "client.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void reach(int fd, const struct sockaddr_in *proxy) {
  if (connect(fd, (const struct sockaddr *)proxy, sizeof *proxy) != 0) fail("connect");
}

static void put(int fd, const char *bytes, size_t length) {
  if (send(fd, bytes, length, 0) != (ssize_t)length) fail("send");
}

static void take(int fd, char *into, ssize_t length) {
  if (recv(fd, into, length, MSG_WAITALL) != length) fail("reply of the proxy");
}

// RFC 1928
int connect_by_socks5(int fd, const struct sockaddr_in *proxy, const struct sockaddr_in *peer) {
  char reply[10], request[10] = {5, 1, 0, 1};
  reach(fd, proxy);
  put(fd, "\5\1\0", 3);
  take(fd, reply, 2);
  memcpy(request + 4, &peer->sin_addr, 4);
  memcpy(request + 8, &peer->sin_port, 2);
  put(fd, request, sizeof request);
  take(fd, reply, 10);
  if (reply[1] != 0) fail("SOCKS5: refused");
  return fd;
}

// RFC 9110, 9.3.6. The upstream sends nothing, so all bytes are the proxy's.
int connect_by_http(int fd, const struct sockaddr_in *proxy, const char *ask) {
  char reply[4096] = "";
  size_t got = 0;
  reach(fd, proxy);
  put(fd, ask, strlen(ask));
  while (strstr(reply, "\r\n\r\n") == NULL) {
    ssize_t more = recv(fd, reply + got, sizeof reply - 1 - got, 0);
    if (more <= 0) fail("reply of the proxy");
    got += more;
    reply[got] = 0;
  }
  if (strncmp(reply, "HTTP/1.", 7) != 0 || strncmp(reply + 8, " 200", 4) != 0) fail("CONNECT: refused");
  return fd;
}
