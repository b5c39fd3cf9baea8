// Tests what chmod(2) and its relatives with S_ISGID answer, for folders and for what is none. For a file they are refused in a sandbox.
#include "prelude.h"
#include <sys/stat.h>

#define AT_EMPTY 0x1000
enum { MODE = 02711, CALL_FCHMODAT2 = 452 };

static void shown(const char *what, long result) {
  struct stat found;
  printf("%s: %s", what, said(result));
  printf(" %o\n", stat("folder", &found) < 0 ? 0 : found.st_mode);
  if (chmod("folder", 0700) < 0) perror("chmod");
}

static void by_descriptor(int folder, int handle, int link) {
  shown("fchmod", fchmod(folder, MODE));
  shown("fchmod of a handle", fchmod(handle, MODE));
  shown("fchmod of a handle of a link", fchmod(link, MODE));
  shown("fchmod of no descriptor", fchmod(999, MODE));
  shown("fchmod of -1", fchmod(-1, MODE));
  shown("fchmod of AT_FDCWD", fchmod(AT_FDCWD, MODE));
}

static void by_path(void) {
  static char longest[5000], dots[4000];
  memset(longest, '/', sizeof longest - 1);
  shown("a path", chmod("folder", MODE));
  shown("a path with more bits", chmod("folder", 0770000 | MODE));
  shown("a link", chmod("link", MODE));
  shown("a slash at the end", chmod("link/", MODE));
  shown("..", chmod("folder/../link/.", MODE));
  shown("no such path", chmod("none", MODE));
  shown("below no such path", chmod("none/folder", MODE));
  shown("below a file", chmod("file/folder", MODE));
  shown("a file with a slash", chmod("file/", MODE));
  shown("a link to itself", chmod("loop", MODE));
  shown("a link to nothing", chmod("dangling", MODE));
  shown("an empty path", chmod("", MODE));
  shown("bad memory", chmod((char *)8, MODE));
  shown("a path that is too long", chmod(longest, MODE));
  memset(dots, 'a', 256);
  shown("a name that is too long", chmod(dots, MODE));
  dots[255] = 0;
  shown("a name that is as long as it may be", chmod(dots, MODE));
  for (int at = 0; at < 900; at += 1) memcpy(dots + 2 * at, "./", 2);
  strcpy(dots + 1800, "folder");
  shown("a path of many parts", chmod(dots, MODE));
  shown("by /proc/self/cwd", chmod("/proc/self/cwd/folder", MODE));
}

static void from_folder(int top, int file, int handle, int gone, int link) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d/folder", top);
  shown("by /proc/self/fd", chmod(path, MODE));
  shown("from a folder", fchmodat(top, "folder", MODE, 0));
  shown("from a handle of a folder", fchmodat(handle, ".", MODE, 0));
  shown("from a file", fchmodat(file, "folder", MODE, 0));
  shown("from a handle of a link", fchmodat(link, "folder", MODE, 0));
  shown("from no descriptor", fchmodat(999, "folder", MODE, 0));
  shown("from a folder that was deleted", fchmodat(gone, "folder", MODE, 0));
  shown("an empty path from no descriptor", syscall(SYS_fchmodat, 999, "", MODE));
  shown("bad memory from no descriptor", syscall(SYS_fchmodat, 999, (char *)8, MODE));
}

static void with_flags(int folder, int handle, int link) {
  // Linux 6.6 has the call.
  if (syscall(CALL_FCHMODAT2, AT_FDCWD, "folder", 0700, 0) < 0) return;
  shown("no link is followed", syscall(CALL_FCHMODAT2, AT_FDCWD, "folder", MODE, AT_SYMLINK_NOFOLLOW));
  shown("a link itself", syscall(CALL_FCHMODAT2, AT_FDCWD, "link", MODE, AT_SYMLINK_NOFOLLOW));
  shown("a link itself, with a slash", syscall(CALL_FCHMODAT2, AT_FDCWD, "link/", MODE, AT_SYMLINK_NOFOLLOW));
  shown("a link to itself, itself", syscall(CALL_FCHMODAT2, AT_FDCWD, "loop", MODE, AT_SYMLINK_NOFOLLOW));
  shown("an empty path", syscall(CALL_FCHMODAT2, folder, "", MODE, AT_EMPTY));
  shown("an empty path and a handle", syscall(CALL_FCHMODAT2, handle, "", MODE, AT_EMPTY));
  shown("an empty path and a handle of a link", syscall(CALL_FCHMODAT2, link, "", MODE, AT_EMPTY));
  shown("an empty path and no descriptor", syscall(CALL_FCHMODAT2, 999, "", MODE, AT_EMPTY));
  shown("an empty path without the flag", syscall(CALL_FCHMODAT2, folder, "", MODE, 0));
  shown("an unknown flag", syscall(CALL_FCHMODAT2, folder, "", MODE, 1));
}

int main(void) {
  char top[] = "/tmp/modes-XXXXXX";
  umask(022);
  if (mkdtemp(top) == NULL || chdir(top) < 0 || mkdir("folder", 0700) < 0 || mkdir("gone", 0700) < 0) return 1;
  int gone = open("gone", O_RDONLY), file = open("file", O_CREAT | O_RDWR, 0600);
  if (rmdir("gone") < 0) return 2;
  if (symlink("folder", "link") < 0 || symlink("loop", "loop") < 0 || symlink("none", "dangling") < 0) return 3;
  int folder = open("folder", O_RDONLY), handle = open("folder", O_PATH), here = open(".", O_RDONLY);
  int link = open("link", O_PATH | O_NOFOLLOW);
  by_descriptor(folder, handle, link);
  by_path();
  from_folder(here, file, handle, gone, link);
  with_flags(folder, handle, link);
  const char *files[] = {"file", "link", "loop", "dangling"};
  for (int at = 0; at < 4; at += 1) unlink(files[at]);
  return rmdir("folder") < 0 || rmdir(top) < 0;
}
