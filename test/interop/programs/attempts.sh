# Runs each argument as a shell command in its own folder. Two run at a time: if many processes of a sandbox waited for a processor,
# its broker would wait too. Prints the exit status of each command, and its stdout and stderr in base64.
cd "$(mktemp -d)"
count=0
for command in "$@"; do
  mkdir "$count"
  (
    cd "$count"
    HOME=$PWD bash -o pipefail -c "$command" >../"$count.out" 2>../"$count.err" </dev/null
    echo $? >../"$count.status"
  ) &
  count=$((count + 1))
  if [ $((count % 2)) -eq 0 ]; then wait; fi
done
wait
at=0
while [ "$at" -lt "$count" ]; do
  echo "$(cat "$at.status") $(base64 -w0 "$at.out"),$(base64 -w0 "$at.err")"
  at=$((at + 1))
done
