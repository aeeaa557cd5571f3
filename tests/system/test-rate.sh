#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# alone: it measures throughput
# Promise: `rate` holds a download to the rate, within 8 % from 1 to 100 Mbit/s, without a segment sent
# again. After the lift the same download goes on at full speed and ends with every byte intact.
. "$(dirname "$0")/lib.sh"
need curl jq python3 taskset nstat
setup
head -c 90000000 /dev/urandom >"$TESTBED_WWW/random.bin"
head -c 4000000 /dev/urandom >"$TESTBED_WWW/small.bin"

# rule BYTES_PER_SECOND MATCH
rule() {
	printf '{"fault": "f", "effect": "rate", "rate": %s, "match": {"protocols": ["tcp"], %s}}' \
		"$1" "$2"
}

readonly SHARED="\"ports\": [\"80\"], \"prefixes\": [\"$TESTBED_SHARED4/32\", \"$TESTBED_SHARED6/128\"]"
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'

# On one CPU: on several, the packets of one connection overtake each other on a veth.
for pid in $(services sh -c "cat '${TESTBED_CGROUP}.svc/cgroup.procs'"); do
	taskset -acp 0 "$pid" >/dev/null 2>&1 || true
done

# resent: segments that the services sent again because they were lost. A sender whose peer does not
# run for some milliseconds also asks by sending its last one again, for nothing (TCPLossProbes).
resent() {
	services nstat -asz TcpRetransSegs TcpExtTCPLossProbes TcpExtTCPDSACKRecvSegs |
		awk '/RetransSegs/ { sent = $2 } /LossProbes/ { probes = $2 } /DSACKRecv/ { twice = $2 }
			END { twice = twice > probes ? twice : probes; print (sent > twice ? sent - twice : 0) }'
}

got=$TESTBED_DIR/got.bin
size() {
	stat --format %s "$got" 2>/dev/null || echo 0
}
start_daemon

# throttled ADDRESS MBITS SECONDS: a download begins under the rate; what came in SECONDS, in bit/s.
throttled() {
	local began first bytes time

	rm -f "$got"
	arm "$(plan "$(rule $(($2 * 125000)) "$SHARED")" "$scope")"
	inject f 120
	began=$(resent)
	spawn taskset -c 0 curl -s --no-buffer --max-time 60 -H 'Host: registry.example' --output "$got" \
		"http://[$1]/random.bin"
	await 5 test -s "$got"
	sleep 1
	first=$(size) time=${EPOCHREALTIME/./}
	sleep "$3"
	bytes=$(($(size) - first)) time=$((${EPOCHREALTIME/./} - time))
	rate=$((bytes * 8 * 1000000 / time))
	assert_between "$rate" $(($2 * 920000)) $(($2 * 1080000)) "$1 at $2 Mbit/s: bit/s"
	assert_eq "$(resent)" "$began" "segments sent"
	assert_eq "$(counter f hits)" 1 "hits"
	lift
	time=${EPOCHREALTIME/./}
	wait "$spawned" || fail "the download: curl's $?"
	time=$(((${EPOCHREALTIME/./} - time) / 1000))
	assert_between "$time" 0 3000 "ms from the lift to the end"
	cmp "$got" "$TESTBED_WWW/random.bin" || fail "the download has other bytes"
	disarm
	echo "$2 Mbit/s at $1: $rate bit/s, none sent again, whole $time ms after the lift"
}

throttled "::ffff:$TESTBED_SHARED4" 1 8
throttled "$TESTBED_SHARED6" 10 5
throttled "::ffff:$TESTBED_SHARED4" 50 4
throttled "$TESTBED_SHARED6" 100 5

# A whole download takes as long as its bytes at the rate; others are not held.
arm "$(plan "$(rule 1000000 '"names": ["registry.example"]')" "$scope")"
inject f 120
client getent ahosts registry.example status.example >/dev/null
began=$(resent)
seconds=$(client taskset -c 0 curl -s -o "$got" -w '%{time_total}' http://registry.example/small.bin)
assert_between "$(jq -n "$seconds * 1000 | floor")" 3680 4320 "ms for 4 MB at 1 MB/s"
cmp "$got" "$TESTBED_WWW/small.bin" || fail "the download has other bytes"
assert_eq "$(resent)" "$began" "segments sent"
seconds=$(client curl -s -o /dev/null -w '%{time_total}' http://status.example/small.bin)
assert_between "$(jq -n "$seconds * 1000 | floor")" 0 500 "ms for another name"
disarm
echo "by name: 4 MB took their time, another name on the address did not"

# A download that is under way when the fault begins.
arm "$(plan "$(rule 100000 "$SHARED")" "$scope")"
rm -f "$got"
spawn taskset -c 0 curl -s --no-buffer --max-time 60 -H 'Host: registry.example' --output "$got" \
	"http://$TESTBED_SHARED4/slow/small.bin"
await 5 test -s "$got"
inject f 60
sleep 2
first=$(size)
sleep 3
assert_between $((($(size) - first) / 3)) 85000 115000 "bytes a second"
lift
wait "$spawned" || fail "the download: curl's $?"
cmp "$got" "$TESTBED_WWW/small.bin" || fail "the download has other bytes"
disarm

# Over an interface that lies on another, every segment is seen twice.
client ip link add bridge0 type bridge
client ip link add port0 type veth peer name port1 netns "$TESTBED_SERVICES_NETNS"
client ip -batch - <<-END
	link set port0 master bridge0
	link set port0 up
	address add 10.80.0.1/24 dev bridge0
	link set bridge0 up
END
services ip -batch - <<-END
	address add 10.80.0.2/24 dev port1
	link set port1 up
END
services taskset -c 0 python3 -m http.server --bind 10.80.0.2 --directory "$TESTBED_WWW" 8086 \
	>"$TESTBED_DIR/web.log" 2>&1 &
answers() {
	client curl -s --max-time 2 -o /dev/null -I http://10.80.0.2:8086/small.bin
}
await 5 answers
arm "$(plan "$(rule 1000000 '"ports": ["8086"]')" "$scope")"
inject f 60
seconds=$(client taskset -c 0 curl -s -o "$got" -w '%{time_total}' http://10.80.0.2:8086/small.bin)
assert_between "$(jq -n "$seconds * 1000 | floor")" 3680 4320 "ms for 4 MB at 1 MB/s"
cmp "$got" "$TESTBED_WWW/small.bin" || fail "the download has other bytes"
assert_eq "$(counter f hits)" 1 "hits"
disarm
echo "over a bridge: 4 MB in $seconds s"
stop_daemon
bpf_left
