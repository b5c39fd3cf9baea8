#!/bin/bash
# Installs postern for the job, if the runner does not have it.
set -euo pipefail
command -v postern >/dev/null && exit
if [ -z "$PACKAGE" ]; then
  echo '::error::postern is not installed here: name its tarball by package, as a path or a URL'
  exit 1
fi
npm install --global --prefix "$RUNNER_TEMP/postern" --ignore-scripts --no-audit --no-fund "$PACKAGE"
echo "$RUNNER_TEMP/postern/bin" >>"$GITHUB_PATH"
# Ubuntu lets only programs with a profile of AppArmor make user namespaces.
if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
  sudo apparmor_parser --replace <<PROFILE
abi <abi/4.0>,
profile postern-action $(readlink -f "$RUNNER_TEMP/postern/bin/postern") flags=(unconfined) {
  userns,
}
PROFILE
fi
