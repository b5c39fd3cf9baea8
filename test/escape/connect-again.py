# Disconnects its socket, which belongs to the host's network namespace, and connects it to another peer.
sock = handed_over()
ready()
result("unspec", disconnect(sock))
result("connect", call("connect", sock.fileno(), address(FORBIDDEN), 16)[1])
call("sendto", sock.fileno(), b"turned", 6, 0, 0, 0)


def peer(one):
    try:
        return "allowed" if one.getpeername()[1] == ALLOWED else "another"
    except OSError as error:
        return name_of(error.errno)


result("peer", peer(sock))
HIGH = 0x700000000
other = handed_over()
result("unspec_high", call("connect", HIGH | other.fileno(), AF_UNSPEC_ADDRESS, HIGH | 16)[1])
result("connect_high", call("connect", HIGH | other.fileno(), address(FORBIDDEN), HIGH | 16)[1])
result("peer_high", peer(other))
