#!/bin/busybox sh
# The first program of a machine: it loads the modules for the disks, mounts them, and executes the root's init.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do
  if [ -e "$module" ]; then /bin/busybox insmod "$module" || echo "cannot load $module"; fi
done
tries=0
until [ -b /dev/vda ] || [ "$tries" -ge 100 ]; do
  /bin/busybox sleep 0.1
  tries=$((tries + 1))
done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox poweroff -f
if [ -b /dev/vdb ]; then
  /bin/busybox mount -t ext4 /dev/vdb /root/opt/postern
  /bin/busybox mount -o bind /root/opt/postern/modules /root/usr/lib/modules
fi
init=/sbin/init
for word in $(/bin/busybox cat /proc/cmdline); do
  case "$word" in postern.init=*) init=${word#postern.init=} ;; esac
done
/bin/busybox umount /proc /sys
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root "$init"
