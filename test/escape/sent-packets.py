# Asks the error queue for the packets that a handed-over socket sent: with the hardware addresses of the host's interface and its router.
# SO_TIMESTAMPING of one sendmsg(2) needs no option of the socket: SCHED, SOFTWARE.
MSG_ERRQUEUE, SO_TIMESTAMPING, SENT = 0x2000, 37, 256 | 2
HIGH = 1 << 40
PAYLOAD = b"payload"
sock = handed_over()
ready()
room = ctypes.create_string_buffer(512)
NR["recvfrom"] = 45 if X86 else 207
longest = 0
for _ in range(20):
    sock.sendmsg([PAYLOAD], [(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("=I", SENT))])
    for flags in (MSG_ERRQUEUE, HIGH | MSG_ERRQUEUE):
        longest = max(longest, call("recvfrom", sock.fileno(), room, 512, flags, 0, 0)[0])
    time.sleep(0.01)
result("packets", "with headers" if longest > len(PAYLOAD) else "none")
