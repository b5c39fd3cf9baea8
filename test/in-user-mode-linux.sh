#!/bin/sh
# Runs test files, by words of their paths, in a kernel that has control groups of version 2 where this host's has none to delegate:
# user-mode-linux (Debian's package of that name; x86-64). Its root is the host's, read-only; /tmp, /run and /dev are its own.
# Inside, this file is init.
set -eu
if [ "$$" -ne 1 ]; then
  here=$(realpath "$(dirname "$0")/..")
  said=$(mktemp)
  trap 'rm -f "$said"' EXIT
  linux.uml mem=2500M root=/dev/root rootfstype=hostfs rootflags=/ ro init="$here/test/in-user-mode-linux.sh" \
    con0=fd:0,fd:1 con=null ssl=null quiet -- "$@" </dev/null | tee "$said"
  grep -q '^All passed' "$said"
  exit
fi
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs run /run
# A sandbox has its own /run, and the gateway's shows postern where it is.
mount --bind "$(dirname "$0")/.." /srv
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
cd /srv
if node dist/test/run/main.js "$@"; then echo 'All passed'; fi
echo o >/proc/sysrq-trigger
sleep 60
