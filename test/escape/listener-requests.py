# Asks for and answers reported calls, as the broker does. /dev/null answers ENOTTY where the filter does not.
NULL = os.open("/dev/null", os.O_RDWR)
ready()
store = ctypes.create_string_buffer(8192)
for name, request in {
    "receive": 0xC0502100, "answer": 0xC0182101, "is_valid": 0x40082102, "is_valid_before_5_17": 0x80082102, "add_descriptor": 0x40182103,
    "set_flags": 0x40082104, "high": 0x100000000 | 0xC0182101, "higher": 0xFFFFFFFF00000000 | 0xC0182101,
}.items():
    result("no_" + name, call("ioctl", NULL, request, store)[1])
