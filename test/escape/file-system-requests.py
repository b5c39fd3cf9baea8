# Asks a file system for what it does with all its files: a snapshot, a handle, a key. /dev/null answers ENOTTY where the filter does not.
NULL = os.open("/dev/null", os.O_RDWR)
ready()
store = ctypes.create_string_buffer(8192)
ask = lambda request: call("ioctl", NULL, request, store)[1]
FICLONE, FICLONERANGE, FIDEDUPERANGE = 0x40049409, 0x4020940D, 0xC0189436
FSGETXATTR, GETFLAGS = 0x801C581F, 0x80086601
for name, request in {
    "snapshot": 0x50009401, "snapshot_v2": 0x50009417, "subvolume": 0x5000940E, "destroy": 0x5000943F, "search": 0xD0009411,
    "snapshot_high": 0x100000000 | 0x50009401, "xfs_parents": 0xC028583E, "xfs_handle": 0xC0385869, "bcachefs": 0x4020BC10,
    "f2fs": 0xF501, "smb": 0xC018CF07, "add_key": 0xC0506617, "remove_key": 0xC0406618, "remove_all": 0xC0406619,
}.items():
    result("no_" + name, ask(request))
CLONES = {9, 13, 54}
result("class", " ".join(sorted({ask(0x50009400 | n) for n in range(256) if n not in CLONES})))
for name, request in {
    "clone": FICLONE, "clone_range": FICLONERANGE, "dedupe": FIDEDUPERANGE, "getxattr": FSGETXATTR, "getflags": GETFLAGS,
}.items():
    result("yes_" + name, ask(request))
