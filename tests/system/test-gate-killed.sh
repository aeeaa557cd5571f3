#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Promise: a gate that is stopped or killed under load lets go within 100 ms: who waits for it is
# told so, new connections go to the real server, other names notice nothing, no memory piles up,
# and a gate that goes on is used again.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup
authority=$TESTBED_DIR/ca
trusted=$TESTBED_DIR/trusted.crt
readonly LOAD_S=6 TIMEOUT_S=5

"$BUILD/faultctl" ca init --directory "$authority" packages.blob.example >/dev/null
cat "$TESTBED_CA" "$authority/ca.pem" >"$trusted"
start_daemon --authority "$authority" --trust "$TESTBED_CA"
rule='{"fault": "denied", "effect": "answer", "tls": "terminate", "answer": {"status": 409},
	"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["packages.blob.example"]}}'

# tcp_pages: memory of all TCP sockets of the host under test.
tcp_pages() {
	client sed -n 's/^TCP:.* //p' /proc/net/sockstat
}

# disturb SIGNAL [LATER]: 1,000 requests a second to the faulted name and 100 to another one, and in
# their midst SIGNAL for the gate, LATER 2 s behind it. Sets count, errors, longest and the numbers of
# statuses denied and served.
disturb() {
	local words other

	client "$CLIENTS/steady.py" https://packages.blob.example/fast 8 1000 "$LOAD_S" "$TIMEOUT_S" \
		"$trusted" >"$TESTBED_DIR/load" &
	local load=$!
	client "$CLIENTS/steady.py" https://images.blob.example/fast 2 100 "$LOAD_S" "$TIMEOUT_S" \
		"$TESTBED_CA" >"$TESTBED_DIR/other" &
	other=$!
	sleep 2
	kill "-$1" "$gate_pid"
	if [[ -n ${2:-} ]]; then
		sleep 2
		kill "-$2" "$gate_pid"
	fi
	wait "$load" "$other"
	read -r -a words <"$TESTBED_DIR/load"
	count=${words[0]} errors=${words[1]} longest=${words[2]} denied=0 served=0
	for word in "${words[@]:3}"; do
		[[ $word != 409=* ]] || denied=${word#*=}
		[[ $word != 200=* ]] || served=${word#*=}
	done
	echo "$*: ${words[*]}; other name: $(<"$TESTBED_DIR/other")"
	read -r -a words <"$TESTBED_DIR/other"
	assert_eq "${words[1]} ${words[3]:-}" "0 200=${words[0]}" "the other name"
}

arm "$(plan "$rule")"
inject denied 60
find_gate
pages=$(tcp_pages)

disturb STOP CONT
assert_between "$errors" 1 100 "requests that were ended"
assert_between "$longest" 1 1000 "the longest wait, ms"
assert_between "$denied" 1500 "$count" "answered before and after"
assert_between "$served" 500 "$count" "served by the real server while it was stopped"
assert_between "$(reason_count denied gate-down)" 1 1000 "connections that passed"
assert_eq "$(client curl --silent --output /dev/null --cacert "$trusted" --write-out '%{http_code}' \
	https://packages.blob.example/fast)" 409 "once it goes on"
renew

before=$(reason_count denied gate-down)
disturb KILL
assert_between "$errors" 1 100 "requests that were ended"
assert_between "$longest" 1 1000 "the longest wait, ms"
assert_between "$denied" 1000 "$count" "answered before"
assert_between "$served" 2000 "$count" "served by the real server from then on"
assert_between "$(($(reason_count denied gate-down) - before))" 1 1000 "connections that passed"
assert_between "$(tcp_pages)" 0 $((pages + 2000)) "pages of TCP memory"
assert_eq "$(client curl --silent --output /dev/null --cacert "$TESTBED_CA" \
	--write-out '%{http_code}' https://packages.blob.example/fast)" 200 "without a gate"
find_gate
assert_eq "$gate_pid" "" "the gate"
disarm

# The next run has one again; with the engine it ends, and nothing is left.
arm "$(plan "$rule")"
inject denied 60
find_gate
assert_eq "$(client curl --silent --output /dev/null --cacert "$trusted" --write-out '%{http_code}' \
	https://packages.blob.example/fast)" 409 "in the next run"
stop_daemon KILL
gate_is_gone() {
	! kill -0 "$gate_pid" 2>/dev/null
}
await 3 gate_is_gone
assert_eq "$(client curl --silent --output /dev/null --cacert "$TESTBED_CA" \
	--write-out '%{http_code}' https://packages.blob.example/fast)" 200 "without an engine"
bpf_left
