# Loads its own filters over the plugin's: to allow calls that those refuse, to hide a call from them, and to answer calls itself.
ALLOW, LOG, TRACE, NOTIFY, ERRNO_0 = 0x7FFF0000, 0x7FFC0000, 0x7FF00000, 0x7FC00000, 0x00050000
SET_MODE_FILTER, PR_SET_SECCOMP, MODE_FILTER = 1, 22, 2
TSYNC, LOGGED, NEW_LISTENER, TSYNC_ESRCH, WAIT_KILLABLE = 1, 2, 8, 16, 32
BPF_LD_NR, BPF_JEQ, BPF_RET = 0x20, 0x15, 0x06


def filter_of(action):
    """What answers connect(2) with the action and lets all others through."""
    program = b"".join(struct.pack("=HBBI", *words) for words in ((BPF_LD_NR, 0, 0, 0), (BPF_JEQ, 0, 1, NR["connect"]), (BPF_RET, 0, 0, action), (BPF_RET, 0, 0, ALLOW)))
    code = ctypes.create_string_buffer(program, len(program))
    return ctypes.create_string_buffer(struct.pack("=H6xQ", 4, ctypes.addressof(code)), 16), code


def in_child(name, load):
    """Turns a socket under a filter that only the child has."""
    sock = handed_over()
    if os.fork() == 0:
        loaded = load()
        result(f"{name}_loaded", loaded)
        outcome = [call("connect", sock.fileno(), words, 16)[1] for words in (AF_UNSPEC_ADDRESS, address(FORBIDDEN))]
        if outcome[1] == "ok" and sock.fileno() >= 0:
            call("sendto", sock.fileno(), b"turned", 6, 0x4000, 0, 0)
        result(name, " ".join(outcome))
        os._exit(0)
    os.wait()
    sock.close()


ready()
in_child("none", lambda: "ok")
for name, action in {"allow": ALLOW, "log": LOG, "trace": TRACE, "notify": NOTIFY, "pretend": ERRNO_0}.items():
    fprog, code = filter_of(action)
    in_child(name, lambda: call("seccomp", SET_MODE_FILTER, 0, fprog)[1])
fprog, code = filter_of(ALLOW)
in_child("prctl", lambda: "ok" if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, fprog, 0, 0) == 0 else name_of(ctypes.get_errno()))
fprog, code = filter_of(NOTIFY)
flags = [NEW_LISTENER, NEW_LISTENER | LOGGED, NEW_LISTENER | TSYNC | TSYNC_ESRCH, NEW_LISTENER | WAIT_KILLABLE, 1 << 40 | NEW_LISTENER]
if os.fork() == 0:
    # This is last: a program that got such a listener would wait for itself.
    result("listener", " ".join(dict.fromkeys(call("seccomp", SET_MODE_FILTER, flag, fprog)[1] for flag in flags)))
    os._exit(0)
os.wait()
