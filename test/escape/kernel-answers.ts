// What this kernel answers outside of any sandbox, where kernels differ. Newer ones let no TCP socket that was disconnected listen, and no listener that was
// shut down connect. There an attempt fails without any protection, too.
import { spawnSync } from 'node:child_process';

const PROGRAM = `
import ctypes, errno, json, socket
libc = ctypes.CDLL(None, use_errno=True)
def answer(result): return "ok" if result == 0 else errno.errorcode[ctypes.get_errno()]
def tried(act):
    try: act()
    except OSError as error: return errno.errorcode[error.errno]
    return "ok"
server = socket.create_server(("127.0.0.1", 0))
def disconnected():
    one = socket.create_connection(server.getsockname())
    server.accept()
    assert libc.connect(one.fileno(), bytes(16), 16) == 0
    return one
ended = socket.create_server(("127.0.0.1", 0))
ended.shutdown(socket.SHUT_RD)
closed, refused = socket.socket(), socket.socket()
closed.bind(("127.0.0.1", 0))
assert refused.connect_ex(closed.getsockname()) == errno.ECONNREFUSED
print(json.dumps({
    "listen after a disconnect": tried(lambda: disconnected().listen(1)),
    "bind after a disconnect": tried(lambda: disconnected().bind(("0.0.0.0", 0))),
    "listen after a refusal": tried(lambda: refused.listen(1)),
    "connect of an ended listener": tried(lambda: ended.connect(server.getsockname())),
}))`;

/** A step of an attempt. */
export type KernelAnswer =
  | 'listen after a disconnect'
  | 'bind after a disconnect'
  | 'listen after a refusal'
  | 'connect of an ended listener';

/** `ok`, or the name of the errno. */
export const KERNEL_ANSWERS: Readonly<Record<KernelAnswer, string>> = JSON.parse(
  spawnSync('python3', ['-c', PROGRAM], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout,
);
