#!/bin/sh
# A dataplane in shell: Linux routes between the two interfaces, and a token bucket on each of them shapes to what all
# clients bought together (so with one client, to its plan). See docs/external-dataplane.md.
set -eu

sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
  "net.ipv4.conf.$MQOE_ACCESS_IF.rp_filter=0" "net.ipv4.conf.$MQOE_CORE_IF.rp_filter=0"
ip link set lo up # without any local address there is no routing
if [ -e /proc/sys/net/ipv6 ]; then
  sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding=1
fi

# Behind an interface everybody has the same MAC: any next hop will do, as long as nobody has to ask for it.
route() { # ADDRESS INTERFACE
  case $1 in
    *:*) echo "route replace $1 via inet6 fe80::1 dev $2 onlink" ;;
    *) echo "route replace $1 via inet 169.254.1.1 dev $2 onlink" ;;
  esac
}
{
  for interface in "$MQOE_ACCESS_IF" "$MQOE_CORE_IF"; do
    echo "neigh replace 169.254.1.1 lladdr $MQOE_MAC dev $interface nud permanent"
    [ ! -e /proc/sys/net/ipv6 ] || echo "neigh replace fe80::1 lladdr $MQOE_MAC dev $interface nud permanent"
  done
  while read -r _ address _; do route "$address" "$MQOE_ACCESS_IF"; done <"$MQOE_CLIENTS"
  while read -r _ address; do route "$address" "$MQOE_CORE_IF"; done <"$MQOE_SERVERS"
} | ip -batch -

# A client has a line for each of its addresses, one after the other.
down=0 up=0 last=
while read -r name _ client_down client_up; do
  [ "$name" = "$last" ] || down=$((down + client_down)) up=$((up + client_up))
  last=$name
done <"$MQOE_CLIENTS"

shape() { # INTERFACE BIT/S
  [ "$2" = 0 ] || tc qdisc replace dev "$1" root tbf rate "$2bit" burst 3200 latency 100ms
}
shape "$MQOE_ACCESS_IF" "$down"
shape "$MQOE_CORE_IF" "$up"

echo ready
exec sleep infinity # the kernel does the work; mqoe ends us when the run is over
