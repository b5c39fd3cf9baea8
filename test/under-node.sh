#!/bin/sh
# Runs a command under another Node, which is installed where it is missing: test/under-node.sh 24 npm test
# A major version means nodejs.org's Node; "debian" means the package of Debian 13. Needs a build (npm run build).
set -eu
wanted=$1
shift
here=$(dirname "$0")
if [ "$wanted" = debian ]; then
  folder=$("$here/debian-node.sh")
else
  folder=$(dirname "$(node "$here/../dist/test/node-path.js" "$wanted")")
fi
PATH="$folder:$PATH" exec "$@"
