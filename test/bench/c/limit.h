// The parts of limit.c, the least that a broker in C needs for a connect.
#include <stdbool.h>

// Connects sockets to the address that each message names, and hands them over. Ends when the client has ended.
void serve_hand_over(int client);

// In the client, before execve: a filter that reports connect(2). Returns the descriptor of the reports.
int report_connects(void);

// Answers each reported connect(2) with a connected socket. `checked`: with every system call that postern's broker makes for it.
void serve_trap(int reports, bool checked);
