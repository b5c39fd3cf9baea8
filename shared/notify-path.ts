// Where a program finds its notify socket, sd_notify(3): the value of NOTIFY_SOCKET. There is no file. The broker answers connect(2) to this path, and
// the kernel ignores the address of a message.

export const NOTIFY_PATH = '/run/notify';
