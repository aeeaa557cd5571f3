#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: a cgroup, unit or container that vanishes during a run is told of and let go; the run goes
# on for the others, its lift and its end work, and nothing stays behind.
. "$(dirname "$0")/lib.sh"
need curl jq
setup

rule='{"fault": "f", "effect": "answer", "answer": {"status": 503}, "match": {"protocols": ["tcp"],
	"ports": ["80"]}}'
start_daemon
code_in() {
	client_in "$1" curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}' \
		"http://$TESTBED_SHARED4/" || true
}
saw_gone() {
	[[ $(target_events target-gone) == "$1" ]]
}

for form in '{"cgroups": ["'"$TESTBED_CGROUP_PATH"'/one.service", "'"$TESTBED_CGROUP_PATH"'/two.service"]}' \
	'{"units": ["one.service", "tw*.service"]}'; do
	make_cgroup one.service/inner
	make_cgroup two.service
	arm "$(plan "$rule" '{"scope": '"$form"'}')"
	inject f 60
	assert_eq "$(code_in one.service/inner)" 503 "before"
	assert_eq "$(code_in two.service)" 503 "before"
	attached=$(bpf_programs | wc -l)
	drop_cgroup one.service/inner
	drop_cgroup one.service
	await 2 saw_gone 1
	assert_eq "$(bpf_programs | wc -l)" $((attached / 2)) "programs that are left"
	assert_eq "$(code_in two.service)" 503 "the other one"
	# One of that name comes again: it is the target.
	make_cgroup one.service
	sleep 0.05
	assert_eq "$(code_in one.service)" 503 "come again"
	drop_cgroup two.service
	drop_cgroup one.service
	await 2 saw_gone 3
	expect_api 200 GET /status
	assert_eq "$(field .armed)" true "the run without targets"
	lift
	disarm
	bpf_left
	echo "$form: gone, told, let go; lifted and disarmed"
done
make_cgroup one.service
arm "$(plan "$rule" '{"scope": {"units": ["one.service"]}}')"
inject f 60
drop_cgroup one.service
stop_daemon
assert_eq "$daemon_status" 0 "the daemon's exit status"
bpf_left
