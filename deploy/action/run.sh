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
# In a folder that the commands do not see.
folder=$(mktemp -d "$RUNNER_TEMP/postern-XXXXXX")
status=0
postern run "${options[@]}" --audit "$folder/audit.log" -- bash --noprofile --norc -eo pipefail -c "$RUN" || status=$?
node "$GITHUB_ACTION_PATH/summary.mjs" "$mode" "$folder/audit.log" >>"$GITHUB_STEP_SUMMARY"
rm -rf "$folder"
exit "$status"
