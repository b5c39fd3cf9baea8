#!/bin/sh
# What every supported Node is tried with: doctor and the demo, as root and as an ordinary user, and the escape tests. Needs root, and a build
# that the user may read: test/under-node.sh 26 test/try-node.sh
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
as_user="setpriv --reuid=65534 --regid=65534 --clear-groups --"
echo "Node $(node --version), libuv $(node -p process.versions.uv)"
for words in "" "$as_user"; do
  (cd / && $words "$top/dist/run/postern.js" doctor >/tmp/postern-doctor.$$) || { cat /tmp/postern-doctor.$$; exit 1; }
  tail -n 1 /tmp/postern-doctor.$$
  rm /tmp/postern-doctor.$$
  (cd / && $words node "$top/dist/deploy/examples/demo/main.js")
done
exec node "$top/dist/test/run.js" escape/ broker/rings broker/process
