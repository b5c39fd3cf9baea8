#!/bin/bash
# Runs the commands of a step under postern, and writes the summary. The exit status is that of the commands.
set -euo pipefail
case "$MODE" in
  audit) mode=audit ;;
  block) mode=enforce ;;
  *)
    echo "::error::mode is audit or block, not '$MODE'"
    exit 1
    ;;
esac
options=(--name step --mode "$mode" --cwd "$FOLDER")
# Each line is a value of an option. Those that are empty are left out.
add() {
  local value
  while IFS= read -r value; do
    if [ -n "$value" ]; then options+=("$1=$value"); fi
  done <<<"$2"
}
add --allow "$ALLOW"
add --preset "$PRESETS"
add --rules "$RULES"
add --env "$PASSED"
add --writable "$WRITABLE"
# An action of the workspace lies where the commands may write. Shown by its path, it is read-only there: what follows runs outside of the sandbox.
add --visible "$GITHUB_ACTION_PATH"
# actions/checkout leaves the job's token there, unless it is told not to.
if grep -qs 'extraheader' "$GITHUB_WORKSPACE/.git/config"; then
  echo '::warning::The commands can read the token of the job in .git/config: give actions/checkout persist-credentials: false'
fi
# In a folder that the commands do not see.
folder=$(mktemp -d "$RUNNER_TEMP/postern-XXXXXX")
status=0
# The runner obeys lines such as ::add-mask::x of a step's output. These commands are trusted with none.
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$token"
postern run "${options[@]}" --audit "$folder/audit.log" -- bash --noprofile --norc -eo pipefail -c "$RUN" || status=$?
# Behind an unfinished line it would be no command.
printf '\n::%s::\n' "$token"
node "$GITHUB_ACTION_PATH/summary.mjs" "$mode" "$folder/audit.log" >>"$GITHUB_STEP_SUMMARY"
rm -rf "$folder"
exit "$status"
