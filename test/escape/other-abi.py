# The same calls by another ABI: i386's int 0x80, and x32's numbers.
import mmap

ready()
X32 = 0x40000000
fd = socket.socket().fileno()
buffer = ctypes.create_string_buffer(address(FORBIDDEN), 16)
# x32 has a setsockopt with a number of its own.
NR["setsockopt_x32"] = 541
for name in ("connect", "listen", "socket", "setsockopt", "setsockopt_x32"):
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(X32 | NR[name]), ctypes.c_long(fd), buffer, ctypes.c_long(16))
    result(f"x32_{name}", "ok" if value >= 0 else name_of(ctypes.get_errno()))
if X86:
    MAP_32BIT = 0x40
    area = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    at = ctypes.addressof(ctypes.c_char.from_buffer(area))
    # push rbx; mov eax, edi; mov ebx, esi; mov ecx, edx; mov edx, r8d; int 0x80; pop rbx; ret
    code = bytes.fromhex("53 89f8 89f3 89d1 4489c2 cd80 5b c3")
    area[: len(code)] = code
    area[4096 : 4096 + 16] = address(FORBIDDEN)
    int80 = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)(at)

    def i386(number, a=0, b=0, c=0):
        value = int80(number, a, b, 0, c)
        return "ok" if value >= 0 else name_of(-value)

    sock = handed_over()
    area[4200 : 4200 + 16] = AF_UNSPEC_ADDRESS
    result("i386_unspec", i386(362, sock.fileno(), at + 4200, 16))
    result("i386_connect", i386(362, sock.fileno(), at + 4096, 16))
    result("i386_getpid", i386(20))
    # setsockopt of SO_MAX_PACING_RATE, by socketcall(2) and by its own number: it would raise limits.bytes_per_second.
    area[4300:4304] = bytes([255] * 4)
    area[4320:4340] = struct.pack("=5I", sock.fileno(), 1, 47, at + 4300, 4)
    result("i386_socketcall_pacing", i386(102, 14, at + 4320))
    result("i386_setsockopt", i386(366, sock.fileno(), 1, 47))
    result("i386_socket", i386(359, 40, 1, 0))
