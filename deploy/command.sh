#!/bin/sh
true /* # The shell runs this part first, and starts Node with this file. For Node it is a comment.
# SIGUSR1 would end the process until Node blocks it. A signal that is ignored stays ignored here, sh(1).
trap : USR1
# A SIGHUP that comes before `up` has read its file has nothing to do. Node resets this, and takes the signal as soon as it runs code.
case ${1-} in up) trap : HUP ;; esac
# Node resets every signal at its start. Only this script sees which signals were ignored, for example under nohup(1).
while read -r POSTERN_KEY POSTERN_VALUE; do
  case $POSTERN_KEY in SigIgn:) export POSTERN_IGNORED_SIGNALS="$POSTERN_VALUE"; break ;; esac
done </proc/$$/status
# protects: G19 debugger: the shell ignores SIGUSR1 until Node blocks it => trap - USR1
trap '' USR1
case ${1-} in up) trap '' HUP ;; esac
POSTERN_LIBRARIES=${LD_LIBRARY_PATH-}
# Node must not obey variables that are meant for a plugin, for example NODE_OPTIONS=--inspect. See outsideEnvironment in plugin-environment.ts.
# Some of them name libraries and modules that would run outside of every sandbox: ld.so(8), openssl-env(7).
# protects: G19 debugger: NODE_OPTIONS is kept from Node => for POSTERN_KEY in NODE_REPL_EXTERNAL_MODULE NODE_PATH NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE \
for POSTERN_KEY in NODE_OPTIONS NODE_REPL_EXTERNAL_MODULE NODE_PATH NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE \
  NODE_UNIQUE_ID NODE_COMPILE_CACHE NODE_COMPILE_CACHE_PORTABLE NODE_COMPILE_CACHE_READONLY NODE_DEBUG NODE_DEBUG_NATIVE \
  NODE_DISABLE_COLORS NODE_EXTRA_CA_CERTS NODE_ICU_DATA NODE_INSPECT_RESUME_ON_START NODE_NO_WARNINGS \
  NODE_PENDING_DEPRECATION NODE_PENDING_PIPE_INSTANCES NODE_PRESERVE_SYMLINKS NODE_PRESERVE_SYMLINKS_MAIN \
  NODE_REDIRECT_WARNINGS NODE_REPL_HISTORY NODE_REPL_MODE NODE_SKIP_PLATFORM_CHECK NODE_TEST_CONTEXT NODE_TEST_WORKER_ID \
  NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_ENV_PROXY NODE_USE_SYSTEM_CA NODE_V8_COVERAGE WATCH_REPORT_DEPENDENCIES \
  LD_LIBRARY_PATH LD_PRELOAD LD_AUDIT OPENSSL_CONF OPENSSL_CONF_INCLUDE OPENSSL_ENGINES OPENSSL_MODULES; do
  eval "[ -n \"\${$POSTERN_KEY+set}\" ]" || continue
  eval "export POSTERN_OUTSIDE_$POSTERN_KEY=\"\${POSTERN_OUTSIDE_$POSTERN_KEY-\$$POSTERN_KEY}\""
  unset "$POSTERN_KEY"
done
# Node itself may need a folder of libraries. An empty or relative part means the working directory, which a plugin may write.
POSTERN_VALUE=
set -f
IFS=':;'
# protects: G14 wrap: a folder of libraries for the program is none for Node => for POSTERN_KEY in ${POSTERN_OUTSIDE_LD_LIBRARY_PATH-}; do
for POSTERN_KEY in $POSTERN_LIBRARIES; do
  # protects: G14 no library comes from a relative part of LD_LIBRARY_PATH (as root) => case $POSTERN_KEY in *) POSTERN_VALUE="$POSTERN_VALUE${POSTERN_VALUE:+:}$POSTERN_KEY" ;; esac
  case $POSTERN_KEY in /*) POSTERN_VALUE="$POSTERN_VALUE${POSTERN_VALUE:+:}$POSTERN_KEY" ;; esac
done
unset IFS
set +f
[ -z "$POSTERN_VALUE" ] || export LD_LIBRARY_PATH="$POSTERN_VALUE"
command -v node >/dev/null || { echo 'postern: No node in PATH; install Node 20 or newer' >&2; exit 125; }
# Node aborts where it can open only a few descriptors, and libraries do not load where there are a few more. Node raises its limit to the hard one.
while read -r POSTERN_MAX POSTERN_KEY POSTERN_VALUE _ POSTERN_HARD _; do
  case "$POSTERN_MAX $POSTERN_KEY $POSTERN_VALUE" in
    'Max processes '*) POSTERN_PROCESSES=$POSTERN_VALUE ;;
    'Max open files') break ;;
  esac
done </proc/$$/limits
[ "$POSTERN_HARD" = unlimited ] || [ "$POSTERN_HARD" -ge 64 ] || {
  echo "postern: Cannot start: postern may open no more than $POSTERN_HARD descriptors; raise the limit: \"ulimit -n\", or LimitNOFILE= of a systemd unit" >&2
  exit 125
}
# Node waits for good, or aborts, where it can start no thread. So there must be room for this many.
POSTERN_THREADS=12
case ${1-} in @STARTING@) POSTERN_THREADS=48 ;; esac
postern_room() { case $1 in max | unlimited) ;; *) [ "$(($1 - $2))" -ge $POSTERN_THREADS ] ;; esac; }
# Room is what the limits leave: that of the user, even if each thread of the host were the user's, and those of the control group and the groups above.
postern_look() {
  IFS=/ read -r _ POSTERN_VALUE </proc/loadavg && postern_room "$POSTERN_PROCESSES" "${POSTERN_VALUE%% *}" || return
  while IFS=: read -r _ POSTERN_KEY POSTERN_VALUE; do
    case $POSTERN_KEY in pids | '') POSTERN_VALUE=/sys/fs/cgroup${POSTERN_KEY:+/pids}$POSTERN_VALUE ;; *) continue ;; esac
    while [ "$POSTERN_VALUE" != /sys/fs ]; do
      if [ -e "$POSTERN_VALUE/pids.max" ]; then
        read -r POSTERN_MAX <"$POSTERN_VALUE/pids.max" && read -r POSTERN_HARD <"$POSTERN_VALUE/pids.current" || return
        postern_room "$POSTERN_MAX" "$POSTERN_HARD" || return
      fi
      POSTERN_VALUE=${POSTERN_VALUE%/*}
    done
  done </proc/$$/cgroup
}
# A limit that is near may count fewer processes, and some files may be missing. Then as many processes are tried, each the child of the one before.
postern_try() { [ "$1" -eq 0 ] || (postern_try "$(($1 - 1))" && :); }
trap 'echo "postern: Cannot start: fewer than $POSTERN_THREADS further processes and threads may start; raise the limit: \"ulimit -u\", or LimitNPROC= and TasksMax= of a systemd unit, or the pids limit of a container" >&2; exit 125' EXIT
postern_look 2>/dev/null || postern_try $POSTERN_THREADS 2>/dev/null || exit 125
trap - EXIT
unset POSTERN_THREADS POSTERN_PROCESSES POSTERN_MAX POSTERN_HARD POSTERN_KEY POSTERN_VALUE POSTERN_LIBRARIES
# Until the first line of the module runs, Node would answer the signal with a line on stderr. An import runs much sooner.
# protects: G19 debugger: an early SIGUSR1 finds an address that nobody can bind, in the supervisor => exec node @NODE_FLAGS@ '--inspect-port=127.0.0.1:9229' --import='data:text/javascript,process.on("SIGUSR1",()=>{})' -- "$0" "$@"
exec node @NODE_FLAGS@ --import='data:text/javascript,process.on("SIGUSR1",()=>{})' -- "$0" "$@"
*/;
