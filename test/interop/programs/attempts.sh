# Makes attempts, each a shell command that is an argument, in folders of their own; two at a time, for a sandbox whose processes
# wait for a processor keeps its broker waiting too. Prints of each the exit status and, in base64, what it wrote to stdout and to
# stderr.
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
