# Makes a terminal that a plugin shares with its user. The plugin types into it, and takes it away. Prints what a shell reads afterwards.
# Arguments: how to run postern.
import os
import pty
import sys

PLUGIN = """
import ctypes, errno, os
TIOCSTI, TIOCLINUX, TIOCSETD, KDSKBMODE, VT_LOCKSWITCH, HIGH, N_NULL, N_TTY = 0x5412, 0x541C, 0x5423, 0x4B45, 0x560B, 1 << 36, 27, 0
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
IOCTL = 16 if os.uname().machine == "x86_64" else 29
def attempt(name, request, value):
    ctypes.set_errno(0)
    done = libc.syscall(IOCTL, ctypes.c_long(0), ctypes.c_long(request), value) >= 0
    if done and request == TIOCSETD:  # Otherwise the program could print nothing more.
        libc.syscall(IOCTL, ctypes.c_long(0), ctypes.c_long(TIOCSETD), ctypes.byref(ctypes.c_int(N_TTY)))
    print("result", name, "ok" if done else errno.errorcode[ctypes.get_errno()], flush=True)
attempt("discipline", TIOCSETD, ctypes.byref(ctypes.c_int(N_NULL)))
for byte in b"typed\\n":
    attempt("sti", TIOCSTI, ctypes.create_string_buffer(bytes([byte]), 1))
attempt("sti_high", HIGH | TIOCSTI, ctypes.create_string_buffer(b"", 1))
attempt("paste", TIOCLINUX, ctypes.create_string_buffer(bytes([3]), 1))
attempt("keyboard", KDSKBMODE, ctypes.c_long(0))
attempt("switch", VT_LOCKSWITCH, ctypes.c_long(0))
"""
pid, fd = pty.fork()
if pid == 0:
    script = 'plugin=$1; shift; "$@" -- /usr/bin/python3 -c "$plugin"; read -r -t 1 line; echo "result read <$line>"'
    os.execvp("bash", ["bash", "-c", script, "bash", PLUGIN, *sys.argv[1:]])
said = b""
while True:
    try:
        text = os.read(fd, 4096)
    except OSError:
        break
    if not text:
        break
    said += text
os.waitpid(pid, 0)
print(said.decode().replace("\r", ""), end="")
