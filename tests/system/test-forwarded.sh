#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Promise: a rule with interfaces acts on what passes through this host and enters there: on connections
# that were opened from behind that interface, and on nothing that the host itself sends or serves. By
# refuse, reset, drop, loss and dns; globs of names; protected destinations and the lift hold.
. "$(dirname "$0")/lib.sh"
need curl jq python3 ip
setup

readonly GUEST=$TESTBED_HOST_NETNS-guest
readonly GUEST4=10.79.0.2 GUEST6=fd79::2
remove_guest() {
	local status=$?

	ip netns delete "$GUEST" 2>/dev/null || true
	# What tear_down looks at; it ends the script.
	set +e
	(exit "$status")
	tear_down
}
trap remove_guest EXIT

# guest CMD...: runs CMD behind the host, in no cgroup of the testbed's.
guest() {
	nsenter --net="/run/netns/$GUEST" -- "$@"
}

ip netns add "$GUEST"
ip link add name up0 netns "$GUEST" type veth peer name guest0 netns "$TESTBED_HOST_NETNS"
guest ip -batch - <<-END
	link set lo up
	link set up0 up
	address add $GUEST4/24 dev up0
	address add $GUEST6/64 dev up0 nodad
	route add default via 10.79.0.1
	route add default via fd79::1
END
client ip -batch - <<-END
	link set guest0 up
	address add 10.79.0.1/24 dev guest0
	address add fd79::1/64 dev guest0 nodad
END
client sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
services ip route add 10.79.0.0/24 via "$TESTBED_HOST4"
services ip route add fd79::/64 via "$TESTBED_HOST6"

guest_code() {
	guest curl -s -o /dev/null --max-time "${2:-3}" -w '%{http_code} %{exitcode}' "http://$1/" || true
}

# rule EFFECT MATCH
rule() {
	printf '{"fault": "f", %s, "match": {"interfaces": ["guest*"], %s}}' "$1" "$2"
}

readonly TO_SHARED="\"protocols\": [\"tcp\"], \"ports\": [\"80\"], \"prefixes\": [
	\"$TESTBED_SHARED4/32\", \"$TESTBED_SHARED6/128\"]"
reachable() {
	[[ $(guest_code "$TESTBED_SHARED4") == "404 0" && $(guest_code "[$TESTBED_SHARED6]") == "404 0" ]]
}
await 5 reachable
# A server of the host's own, that the guest may ask.
spawn bash -c "exec '$CLIENTS/server.py' :: 80 2>/dev/null"
own_answers() {
	[[ $(guest_code 10.79.0.1) == "200 0" ]]
}
await 5 own_answers
start_daemon

# expect SHARED4 SHARED6: what the guest gets; all else is as ever.
expect() {
	assert_eq "$(guest_code "$TESTBED_SHARED4" 1)" "$1" "the guest"
	assert_eq "$(guest_code "[$TESTBED_SHARED6]" 1)" "$2" "the guest, IPv6"
	assert_eq "$(guest_code "$TESTBED_SOLO4")" "200 0" "the guest, another address"
	assert_eq "$(guest_code 10.79.0.1)" "200 0" "the guest at the host's own server"
	assert_eq "$(http_code http://registry.example/)" 200 "the host itself"
}

for effect in '"effect": "refuse"' '"effect": "reset", "at": "connect"'; do
	arm "$(plan "$(rule "$effect" "$TO_SHARED")")"
	expect "404 0" "404 0"
	inject f 60
	expect "000 7" "000 7"
	assert_eq "$(counter f hits)" 2 "hits"
	lift
	expect "404 0" "404 0"
	disarm
done
echo "refuse, reset at connect: curl's exit 7"

arm "$(plan "$(rule '"effect": "unreachable"' "$TO_SHARED")")"
inject f 60
# A client in a namespace of the same host may hold its socket's lock while the answer to its first SYN
# arrives: the kernel drops that one, and the second comes a second later.
for address in "$TESTBED_SHARED4" "$TESTBED_SHARED6"; do
	assert_eq "$(guest "$CLIENTS/attempt.py" --timeout 5 tcp "$address" 80)" \
		"1 connect EHOSTUNREACH" "$address"
done
assert_between "$(counter f hits)" 2 4 "hits"
lift
expect "404 0" "404 0"
disarm
echo "unreachable: EHOSTUNREACH"

arm "$(plan "$(rule '"effect": "reset", "at": "request"' "$TO_SHARED")")"
inject f 60
expect "000 56" "000 56"
assert_eq "$(services ss -Htn state established '( sport = :80 )' | wc -l)" 0 "left at the servers"
disarm
echo "reset at the request: curl's exit 56, nothing left at the servers"

arm "$(plan "$(rule '"effect": "drop"' "$TO_SHARED")")"
inject f 60
expect "000 28" "000 28"
assert_between "$(counter f packets)" 2 100 "packets dropped"
disarm
echo "drop: curl's exit 28"

# A download through the host that goes silent and comes back whole.
head -c 800000 /dev/urandom >"$TESTBED_WWW/random.bin"
got=$TESTBED_DIR/got.bin
arm "$(plan "$(rule '"effect": "drop"' "$TO_SHARED")")"
guest curl -s --no-buffer --max-time 40 -o "$got" "http://$TESTBED_SHARED4/slow/random.bin" \
	-H 'Host: registry.example' &
download=$!
await 5 test -s "$got"
inject f 60
sleep 1
before=$(stat --format %s "$got")
sleep 1
assert_eq "$(stat --format %s "$got")" "$before" "bytes during the silence"
lift
wait "$download" || fail "the download: curl's $?"
cmp "$got" "$TESTBED_WWW/random.bin" || fail "the download has other bytes"
disarm
echo "drop of a download: silent, then whole"

arm "$(plan "$(rule '"effect": "loss", "loss_ppm": 500000' '"protocols": ["udp"], "ports": ["5353"]')")"
inject f 60
echoed=$(guest python3 - "$TESTBED_UDP4" <<'END'
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect((sys.argv[1], 5353))
client.settimeout(0.5)
for i in range(400):
    client.send(b"%d" % i)
got = 0
try:
    while client.recv(100):
        got += 1
except TimeoutError:
    pass
print(got)
END
)
assert_between "$echoed" 150 250 "of 400 datagrams that came back"
assert_eq "$((echoed + $(counter f packets)))" 400 "came back and dropped"
disarm
echo "loss of 50 %: $echoed of 400 datagrams came back"

# query NAME: the RCODE that the resolver says to the guest.
query() {
	guest python3 - "$1" "$TESTBED_DNS4" <<-'END'
		import socket, struct, sys
		question = b"".join(bytes([len(p)]) + p.encode() for p in sys.argv[1].split(".")) + b"\0"
		client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		client.settimeout(1)
		client.connect((sys.argv[2], 53))
		client.send(struct.pack("!HHHHHH", 7, 256, 1, 0, 0, 0) + question + struct.pack("!HH", 1, 1))
		try:
		    print(client.recv(4096)[3] & 15)
		except TimeoutError:
		    print("silent")
	END
}
for word in nxdomain:3 servfail:2 drop:silent; do
	arm "$(plan "$(rule '"effect": "dns", "dns": "'"${word%:*}"'"' \
		'"protocols": ["udp"], "names": ["registry.example"]')")"
	inject f 60
	assert_eq "$(query Registry.Example)" "${word#*:}" "${word%:*}"
	assert_eq "$(query status.example)" 0 "another name"
	assert_eq "$(http_code http://registry.example/)" 200 "the host itself"
	disarm
done
echo "dns: nxdomain, servfail, drop for the guest alone"

# A protected destination, and an interface that no rule names.
arm "$(plan "$(rule '"effect": "refuse"' \
	'"protocols": ["tcp"], "ports": ["80"], "prefixes": ["10.77.0.0/24"]')" \
	'{"protect": [{"prefix": "'"$TESTBED_SHARED4"'/32"}]}')"
inject f 60
assert_eq "$(guest_code "$TESTBED_SHARED4")" "404 0" "a protected destination"
assert_eq "$(guest_code "$TESTBED_SOLO4")" "000 7" "another"
assert_eq "$(reason_count f protected)" 1 "protected"
disarm
arm "$(plan "$(rule '"effect": "refuse"' "$TO_SHARED" | sed 's/guest\*/other?/')")"
inject f 60
expect "404 0" "404 0"
disarm
# A shadow predicts what of it would be hit.
guest_connects() {
	guest "$CLIENTS/attempt.py" --timeout 1 --count "$1" tcp "$TESTBED_SHARED4" 80
}
guest_queries() {
	guest "$CLIENTS/queries.py" registry.example "$TESTBED_DNS4" "$1"
}
guest_datagrams() {
	guest "$CLIENTS/attempt.py" --timeout 0.1 --count "$1" udp "$TESTBED_UDP4" 5353
}
guest_requests() {
	guest curl -s -o /dev/null -w '%{http_code}\n' --no-keepalive -H 'Connection: close' \
		"http://$TESTBED_SHARED4/?[1-$1]" || true
}
predicts "forwarded, refuse, share 50 %" "$(rule '"effect": "refuse", "share_ppm": 500000' "$TO_SHARED")" \
	'{}' guest_connects 300
predicts "forwarded, drop, first 20" "$(rule '"effect": "drop", "shape": {"first": 20}' \
	'"protocols": ["udp"], "ports": ["5353"]')" '{}' guest_datagrams 50
predicts "forwarded, reset at the request" "$(rule '"effect": "reset", "at": "request",
	"shape": {"budget": {"hits": 30}}' "$TO_SHARED")" '{}' guest_requests 80
predicts "forwarded, dns, share 40 %" "$(rule '"effect": "dns", "dns": "servfail", "share_ppm": 400000' \
	'"protocols": ["udp"], "names": ["registry.example"]')" '{}' guest_queries 200

# What needs a socket is refused.
expect_api 400 POST /runs "$(plan "$(rule '"effect": "rate", "rate": 1000' "$TO_SHARED")")"
assert_contains "$reply" "does not act on forwarded traffic"
stop_daemon
bpf_left
