#!/bin/sh
# The first program of a machine whose root is only unpacked: it runs the rest of debootstrap(8), then set-up-root.sh as in every root.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
if /debootstrap/debootstrap --second-stage && sh /opt/set-up-root.sh ada; then
  rm -rf /var/cache/apt
  sync
  echo done >/dev/vport0p1
else
  cat /debootstrap/debootstrap.log
fi
sync
mountpoint -q /proc || mount -t proc proc /proc
echo o >/proc/sysrq-trigger
sleep 60
