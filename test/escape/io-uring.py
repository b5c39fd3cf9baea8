# Connects by io_uring. No filter of system calls sees its operations.
import mmap

OP_CONNECT = 16
sock = handed_over()
ready()
params = ctypes.create_string_buffer(120)
ring, outcome = call("io_uring_setup", 4, params)
result("setup", outcome)
result("enter", call("io_uring_enter", 0, 0, 0, 0, 0, 0)[1])
if ring >= 0:
    fields = struct.unpack_from("=10I", params.raw, 0)
    sq_entries, cq_entries = fields[0], fields[1]
    sq_head, sq_tail, sq_mask, _, _, _, sq_array = struct.unpack_from("=7I", params.raw, 40)
    cq_head, cq_tail, cq_mask, _, _, cqes = struct.unpack_from("=6I", params.raw, 80)
    sq = mmap.mmap(ring, sq_array + sq_entries * 4 + 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
    cq = mmap.mmap(ring, cqes + cq_entries * 16, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0x8000000)
    sqes = mmap.mmap(ring, sq_entries * 64, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0x10000000)

    def submit(where):
        tail = struct.unpack_from("=I", sq, sq_tail)[0]
        slot = tail & struct.unpack_from("=I", sq, sq_mask)[0]
        sqes[slot * 64 : slot * 64 + 64] = struct.pack("=BBHiQQII", OP_CONNECT, 0, 0, sock.fileno(), 16, ctypes.addressof(where), 0, 0) + bytes(32)
        struct.pack_into("=I", sq, sq_array + 4 * slot, slot)
        struct.pack_into("=I", sq, sq_tail, tail + 1)
        call("io_uring_enter", ring, 1, 1, 1, 0, 0)
        head = struct.unpack_from("=I", cq, cq_head)[0]
        answer = struct.unpack_from("=i", cq, cqes + 16 * (head & struct.unpack_from("=I", cq, cq_mask)[0]) + 8)[0]
        struct.pack_into("=I", cq, cq_head, head + 1)
        return answer

    result("unspec", submit(ctypes.create_string_buffer(AF_UNSPEC_ADDRESS, 16)))
    result("connect", submit(ctypes.create_string_buffer(address(FORBIDDEN), 16)))
