#!/bin/sh
# Runs a command in a mount tree that is shared, as systemd makes it: test/in-shared-mounts.sh npm test
# Needs root. Fails if the command fails, or if the list of mounts has changed afterwards.
exec unshare --mount --propagation private -- sh -c '
mount --make-rshared / || exit
before=$(cat /proc/self/mountinfo)
"$@"
status=$?
after=$(cat /proc/self/mountinfo)
if [ "$after" != "$before" ]; then
  printf "The mounts before:\n%s\nand after:\n%s\n" "$before" "$after" >&2
  [ "$status" -ne 0 ] || status=1
fi
exit "$status"' sh "$@"
