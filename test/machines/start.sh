#!/bin/sh
# Runs inside a machine, as root. It puts Node in its usual place, and runs the steps.
set -eu
user=$1
here=/opt/postern
if [ -e "$here/node" ]; then cp "$here/node" /usr/local/bin/node; fi
exec node "$here/dist/test/machines/inside.js" /dev/vport0p1 "$here/steps.json" "$user"
