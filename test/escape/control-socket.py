# Looks for a control socket at the paths of its arguments, and asks it to stop a plugin. Then it tries to put its own socket in the place.
import errno, os, socket, sys

REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"stop","params":{"plugin":"witness"}}\n'


def ask(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    try:
        client.connect(path)
        client.sendall(REQUEST)
        lines = client.makefile()
        greeting = lines.readline()
        return "answered " + lines.readline().strip() if greeting else "ended"
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)


def kind(path):
    try:
        return "socket" if os.stat(path).st_mode & 0o170000 == 0o140000 else "no socket"
    except OSError as error:
        return errno.errorcode[error.errno]


def replace(path):
    tried = []
    for act in (os.unlink, lambda p: os.rename(p, p + ".old"), lambda p: os.rename(os.path.dirname(p), p + ".dir")):
        try:
            act(path)
            tried.append("ok")
        except OSError as error:
            tried.append(errno.errorcode[error.errno])
    try:
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(8)
        tried.append("bound")
    except OSError as error:
        tried.append(errno.errorcode[error.errno])
    return " ".join(tried)


for path in sys.argv[1:]:
    print("kind", kind(path), flush=True)
    print("ask", ask(path), flush=True)
    print("replace", replace(path), flush=True)
print("done", flush=True)
sys.stdin.read()
