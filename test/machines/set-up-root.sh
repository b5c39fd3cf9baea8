#!/bin/sh
# Runs in a new root, by chroot(1) or in the machine. It makes the ordinary user, and the unit that runs the steps and powers off.
set -eu
user=$1
echo postern-machine >/etc/hostname
printf '127.0.0.1 localhost postern-machine\n::1 localhost\n' >/etc/hosts
# A name server that does not answer: the machine has no network.
echo 'nameserver 192.0.2.53' >/etc/resolv.conf
useradd --create-home --uid 1000 --shell /bin/sh "$user"
mkdir -p /var/lib/systemd/linger /opt/postern /usr/lib/modules
: >"/var/lib/systemd/linger/$user"
cat >/etc/systemd/system/postern-machine.service <<UNIT
[Unit]
Description=The steps of a machine of postern's tests
After=systemd-user-sessions.service systemd-logind.service user@1000.service dbus.service
[Service]
Type=oneshot
Environment=PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
ExecStart=/bin/sh /opt/postern/start.sh $user
ExecStopPost=/usr/sbin/poweroff -f
StandardOutput=journal+console
StandardError=journal+console
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable postern-machine.service
systemctl set-default multi-user.target
systemctl mask getty.target systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer \
  fstrim.timer e2scrub_all.timer e2scrub_reap.service systemd-firstboot.service
