// The ways by which connects.c gets a connected socket.
#include <netinet/in.h>

// Ends the program with the reason.
void fail(const char *step);

// Each returns the connected socket.
int connect_by_socks5(int fd, const struct sockaddr_in *proxy, const struct sockaddr_in *peer);
int connect_by_http(int fd, const struct sockaddr_in *proxy, const char *ask);

// The socket that comes with the next message, whoever asked for it.
int receive_socket(int from);

// The channel of PROTOCOL.md: the hello, and a request. receive_socket() takes the reply.
void open_channel(void);
void ask_channel(const char *host, int port);
int take_from_channel(void);

// With one connection to serves.c: takes so many bytes, or sends so many single ones and waits for each to come back.
void take_bytes(int fd, long long bytes);
void ping(int fd, long long count);
