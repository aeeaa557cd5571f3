#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: nothing is attached while nothing is armed, and no more than a plan needs while it is. One
# run holds the host; a halt ends it at once and refuses others until it is released; a lease that
# nobody renews ends its run.
. "$(dirname "$0")/lib.sh"
need bpftool jq python3
setup
start_daemon

readonly REFUSE='{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"],
	"prefixes": ["'"$TESTBED_SHARED4/32"'"]}}'
readonly DROP='{"fault": "f", "effect": "drop", "match": {"protocols": ["tcp"],
	"prefixes": ["'"$TESTBED_SHARED4/32"'"]}}'
readonly ANSWER='{"fault": "f", "effect": "answer", "match": {"protocols": ["tcp"], "ports": ["80"],
	"prefixes": ["'"$TESTBED_SHARED4/32"'"]}, "answer": {"status": 503}}'

# held KIND: ids of the programs (prog) or maps (map) that the daemon's processes hold.
held() {
	cat /proc/"$daemon_pid"/fdinfo/* "/proc/$api_pid"/fdinfo/* 2>/dev/null |
		sed -n "s/^$1_id:[[:space:]]*//p" | sort -un
}

# attached: names of the programs attached in the testbed's cgroups, sorted.
attached() {
	bpftool --json cgroup tree "$TESTBED_CGROUP" |
		jq --raw-output '[.[].programs[].name | select(startswith("fault_"))] | sort | join(" ")'
}

none_exists() {
	local id

	for id in $programs; do
		! bpftool prog show id "$id" >/dev/null 2>&1 || return 1
	done
	for id in $maps; do
		! bpftool map show id "$id" >/dev/null 2>&1 || return 1
	done
}

# expect_nothing WHAT: nothing of what was there while armed ($programs, $maps) exists in the kernel.
expect_nothing() {
	assert_eq "$(attached)" "" "$1: programs attached"
	await 3 none_exists
	assert_eq "$(held prog)$(held map)$(held link)" "" "$1: programs, maps and links held"
	expect_api 200 GET /status
	assert_eq "$(field '"\(.armed) \(.run) \(.attached)"')" "false  0" "$1: status"
}

# arm_and_note PLAN ATTACHED: arms; these programs are attached.
arm_and_note() {
	arm "$1"
	programs=$(held prog)
	maps=$(held map)
	[[ -n $programs && -n $maps ]] || fail "no programs or maps are held while armed"
	assert_eq "$(attached)" "$2" "attached"
}

find_api
programs='' maps=''
expect_nothing "before the first run"

# What each plan attaches; nothing per packet or per message for a refusal by address.
arm_and_note "$(plan "$REFUSE")" "fault_connect4 fault_connect6"
for id in $programs; do
	assert_contains "$(bpftool --json prog show id "$id" | jq --raw-output .type)" cgroup_sock_addr \
		"a program of a refusal by address"
done
inject f 60
assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 7 "refused"
disarm
assert_eq "$(http_code "http://$TESTBED_SHARED4/fast" -H 'Host: registry.example')" 200 "disarmed"
expect_nothing "after a refusal"

arm_and_note "$(plan "$DROP")" "fault_connect4 fault_connect6 fault_egress fault_ingress"
hold dropped client "$TESTBED_SHARED4" 80 1
inject f 60
assert_eq "$(ask dropped "request 0.3")" "1 silent" "dropped"
disarm
expect_nothing "after a drop"
assert_eq "$(ask dropped "response 5")" "1 200" "a connection that was dropped"
release dropped

# A kept connection of the message layer must not keep its programs.
arm_and_note "$(plan "$ANSWER")" "fault_connect4 fault_connect6 fault_ingress fault_sockops"
hold kept client "$TESTBED_SHARED4" 80 2
inject f 60
assert_eq "$(ask kept request)" "2 503" "answered"
disarm
assert_eq "$(ask kept request)" "2 200" "kept connections right after the run"
expect_nothing "after answers on connections that are still open"
assert_eq "$(ask kept request)" "2 200" "kept connections after their programs are gone"
# The next run has them as any other that was open before it.
arm_and_note "$(plan "$DROP")" "fault_connect4 fault_connect6 fault_egress fault_ingress"
inject f 60
assert_eq "$(ask kept "request 0.3")" "2 silent" "kept connections in another run"
disarm
assert_eq "$(ask kept "response 5")" "2 200" "kept connections after it"
expect_nothing "after a second run"
release kept

# One run at a time.
arm_and_note "$(plan "$REFUSE")" "fault_connect4 fault_connect6"
api POST /runs "$(plan "$REFUSE")"
assert_eq "$code $(field '"\(.code): \(.error)"')" "409 busy: another run holds the host" "a second run"
inject f 60
assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 7 "the first run after the second was refused"
for call in "POST /runs/0123456789abcdef/renew" "POST /runs/0123456789abcdef/lift" \
	"GET /runs/0123456789abcdef/counters" "DELETE /runs/0123456789abcdef"; do
	read -r method path <<<"$call"
	api "$method" "$path"
	assert_eq "$code $(field '"\(.code): \(.error)"')" "404 not-found: no such run" "$call"
done

# Halt: all of it, at once.
expect_api 200 POST /halt
assert_eq "$(http_code "http://$TESTBED_SHARED4/fast" -H 'Host: registry.example')" 200 "halted"
expect_nothing "after a halt"
assert_eq "$(field .halted)" true "status of a halted host"
api POST /runs "$(plan "$REFUSE")"
assert_eq "$code $(field '"\(.code): \(.error)"')" \
	"409 halted: the host is halted; release it first" "a run on a halted host"
api POST "/runs/$run/renew"
assert_eq "$code $(field .code)" "404 not-found" "renewing a halted run"
expect_api 200 POST /halt
expect_nothing "after a second halt"
expect_api 200 POST /release
arm_and_note "$(plan "$REFUSE")" "fault_connect4 fault_connect6"
assert_eq "$(field .rules)" 1 "a run after the release"
disarm
expect_nothing "after the release"

# A lease that nobody renews: the fault ends with it, the run 5 s later.
arm_and_note "$(plan "$REFUSE" '{"lease_ns": 500000000}')" "fault_connect4 fault_connect6"
lease_until=$(field .lease_until_ns)
inject f 60
unarmed() {
	expect_api 200 GET /status
	[[ $(field .armed) == false ]]
}
await 8 unarmed
assert_between $(($(field .now_ns) - lease_until)) 5000000000 6000000000 "ns from the lease to the end"
events=$(curl --silent --max-time 5 --unix-socket "$TESTBED_SOCKET" \
	"http://faultd/v1/events?run=$run")
assert_eq "$(jq --raw-output 'select(.cause == "lease") | "\(.event) \(.at_ns)"' <<<"$events" | xargs)" \
	"lifted $lease_until disarmed $((lease_until + 5 * SECOND_NS))" "events of a lapsed lease"
expect_nothing "after a lapsed lease"
echo "nothing is left: $(wc -w <<<"$programs") programs and $(wc -w <<<"$maps") maps of the last run are gone"
stop_daemon
bpf_left
