#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: a fault touches its scope and nothing else. Processes in another cgroup never feel it;
# those in nested cgroups, and those that start later, or in a cgroup made later, do.
. "$(dirname "$0")/lib.sh"
need jq python3
setup
start_daemon

readonly COUNT=2000
scope_of() {
	printf '{"scope": {"cgroups": ["%s/%s"], "units": []}}' "$TESTBED_CGROUP_PATH" "$1"
}

# attempts SUBGROUP COUNT [ADDRESS PORT]: what connects come to there. Those in the scope may be
# silent, and are not waited for; for the others a SYN may be sent again on a busy machine.
attempts() {
	local patience=5

	[[ $1 != host* ]] || patience=0.3
	client_in "$1" "$CLIENTS/attempt.py" --timeout "$patience" --count "$2" tcp \
		"${3:-$TESTBED_SHARED4}" "${4:-80}" | xargs
}

refused() {
	echo "$1 connect ECONNREFUSED"
}

rule() {
	printf '{"fault": "%s", "effect": "%s", "match": {"protocols": ["tcp"],
		"prefixes": ["10.77.0.0/24"]%s}}' "$1" "$2" "${3:-}"
}

# Both exist before arming, as do connections of theirs.
client_in other true
client_in host/before true
arm "$(plan "$(rule f refuse)" "$(scope_of host)")"
inject f 60
assert_eq "$(attempts other $COUNT)" "$COUNT ok" "another cgroup"
assert_eq "$(attempts host $COUNT)" "$(refused $COUNT)" "the scope"
assert_eq "$(attempts host/before 200)" "$(refused 200)" "a cgroup within the scope"
assert_eq "$(attempts host/later/deeper 200)" "$(refused 200)" "a cgroup made after arming"
assert_eq "$(attempts hostage 200)" "200 ok" "a cgroup whose name begins like the scope's"
assert_eq "$(counter f connects)" $((COUNT + 400)) "connects that the rule saw"
disarm
echo "scope: $COUNT of $COUNT in it refused, $COUNT of $COUNT beside it untouched"

# The layers of packets and messages keep to it too.
elsewhere() {
	client_in other "$@"
}
arm "$(plan "$(rule f drop)" "$(scope_of host)")"
inject f 60
assert_eq "$(attempts other $COUNT)" "$COUNT ok" "another cgroup beside a drop"
assert_eq "$(attempts host 2)" "2 silent" "the scope of a drop"
assert_eq "$(attempts host/later/deeper 2)" "2 silent" "a cgroup made later, of a drop"
disarm
arm "$(plan "$(rule f hang)" "$(scope_of host)")"
inject f 60
hold beside elsewhere "$TESTBED_SHARED4" 80 5
for ((i = 0; i < 50; i++)); do
	assert_eq "$(ask beside request)" "5 200" "kept connections of another cgroup"
done
release beside
assert_eq "$(http_code "http://$TESTBED_SHARED4/fast" --max-time 0.4)" 000 "the scope of a hang"
assert_eq "$(counter f requests)" 1 "requests that the rule saw"
disarm
echo "drop and hang: $COUNT connects and 255 requests beside the scope untouched"

# Rules that name cgroups within a wider scope: with a destination, and by the cgroup alone.
client_in host/one true
client_in host/two/nested true
client_in host/three true
cgroup=$TESTBED_HOST_CGROUP_PATH
by_cgroup='{"fault": "three", "effect": "refuse", "match": {"protocols": ["tcp"],
	"cgroups": ["'"$cgroup"'/three"]}}'
arm "$(plan "$(rule one refuse ', "cgroups": ["'"$cgroup"'/one"]'),
	$(rule two unreachable ', "cgroups": ["'"$cgroup"'/two"]'),
	$(rule silent drop ', "cgroups": ["'"$cgroup"'/one"]'), $by_cgroup" "$(scope_of host)")"
# The rest is as before an inject until its own rule is injected.
inject one 60
assert_eq "$(attempts host/one 200)" "$(refused 200)" "the cgroup of a rule"
assert_eq "$(attempts host/one/made-later 200)" "$(refused 200)" "a cgroup within it"
assert_eq "$(attempts host/two 200)" "200 ok" "the cgroup of a rule that is not injected"
inject two,three 60
assert_eq "$(attempts host/two/nested 200)" "200 connect EHOSTUNREACH" "a cgroup of the second rule"
assert_eq "$(attempts host/three 200)" "$(refused 200)" "a rule by the cgroup alone"
assert_eq "$(attempts host/three 200 "$TESTBED_SHARED6")" "$(refused 200)" "the same over IPv6"
assert_eq "$(attempts host 200)" "200 ok" "the scope beside its rules' cgroups"
assert_eq "$(attempts other 200)" "200 ok" "another cgroup beside them"
assert_eq "$(client_in host/one "$CLIENTS/attempt.py" udp "$TESTBED_UDP4" 5353)" "1 ok" "UDP of a TCP rule"
lift
inject silent 60
assert_eq "$(attempts host/one/made-later 2)" "2 silent" "a drop within the cgroup of a rule"
assert_eq "$(attempts host/two 200)" "200 ok" "a drop beside it"
assert_eq "$(counter silent passes)" 400 "connects of the drop's cgroup before its inject"
disarm

# The whole host, which is everything below the daemon's root.
arm "$(plan "$(rule f refuse)")"
inject f 60
for group in host other host/two/nested made-now; do
	assert_eq "$(attempts "$group" 200)" "$(refused 200)" "the whole host: $group"
done
disarm
echo "rules by cgroup: 400 refused in one, 200 unreachable in another, 400 refused in a third"
stop_daemon
bpf_left
