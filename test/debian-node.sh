#!/bin/sh
# Prints the folder of Debian's own Node, which is unpacked beside the Node that this host uses; the libraries that it needs are
# installed. For Debian 13, as root.
set -eu
folder=/var/cache/postern-nodes/debian
# Two may want it at the same time.
exec 9>/run/lock/postern-tests-apt
flock 9
if [ ! -x "$folder/usr/bin/node" ]; then
  version=$(apt-cache madison nodejs | awk -F' *[|] *' '$2 ~ /dfsg.*deb13/ { print $2; exit }')
  [ -n "$version" ] || {
    echo "debian-node: apt knows no nodejs of Debian 13; this test needs a host with Debian 13" >&2
    exit 1
  }
  making=$(mktemp -d)
  trap 'rm -rf "$making"' EXIT
  chmod 755 "$making"
  (cd "$making" && apt-get download -q "nodejs=$version") >&2
  libraries=$(dpkg-deb --field "$making"/nodejs_*.deb Depends | tr ',' '\n' | sed 's/(.*//; s/ //g')
  # shellcheck disable=SC2086 # a word for each library
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $libraries >&2
  dpkg-deb --extract "$making"/nodejs_*.deb "$making/node"
  mkdir -p "$(dirname "$folder")"
  rm -rf "$folder" "$folder.new"
  cp -a "$making/node" "$folder.new"
  mv "$folder.new" "$folder"
fi
echo "$folder/usr/bin"
