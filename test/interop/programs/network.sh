# Two network namespaces with a cable between them: "host", where postern runs, with its own resolv.conf, and "town", where
# the servers are. It runs in the first, with its own mount namespace. Arguments: resolv.conf and hosts, the host's addresses,
# then -- and the town's addresses, then -- and the program for the town. That program gets the pids of the two holders.
set -e
resolv=$1 hosts=$2
shift 2

hold() { exec setpriv --pdeathsig KILL -- "$@" sleep 2147483647; }
hold &
host=$!
hold unshare --net -- &
town=$!
until [ "$(readlink /proc/$town/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
in_town() { nsenter --target "$town" --net -- "$@"; }

mount --bind "$resolv" "$(readlink -f /etc/resolv.conf)"
mount --bind "$hosts" /etc/hosts

ip link add cable type veth peer name cable netns "$town"
ip link set lo up
ip link set cable up
in_town ip link set lo up
in_town ip link set cable up

# nodad: an address that is being looked for on the cable cannot be bound to yet.
add() {
  local where=$1 address=$2
  case $address in
    *:*) $where ip address add "$address/64" dev cable nodad ;;
    *) $where ip address add "$address/24" dev cable ;;
  esac
}
while [ "$1" != -- ]; do add '' "$1"; shift; done
shift
while [ "$1" != -- ]; do add in_town "$1"; shift; done
shift

exec nsenter --target "$town" --net -- "$@" "$host" "$town"
