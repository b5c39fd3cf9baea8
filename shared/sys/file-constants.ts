// Constants of open(2) and its relatives that several files use and that node:fs does not have. Linux gives them the same numbers on
// x86-64 and arm64, unlike O_DIRECTORY, which is in node:fs.

export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const AT_FDCWD = -100;
