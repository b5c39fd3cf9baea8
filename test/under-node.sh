#!/bin/sh
# Runs a command under another Node, which is installed where it is not there: test/under-node.sh 24 npm test
# Needs a build (npm run build).
set -eu
major=$1
shift
folder=$(dirname "$(node "$(dirname "$0")/../dist/test/node-path.js" "$major")")
PATH="$folder:$PATH" exec "$@"
