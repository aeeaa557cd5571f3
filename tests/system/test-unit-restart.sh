#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# alone: it times new cgroups
# Promise: units that start during a run are covered, by glob, as scope and as match; a unit that is
# restarted is covered within 50 ms of its new cgroup (the median of the restarts: a busy machine may
# keep one waiting for longer); what matches no glob beside it never is.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup

readonly RESTARTS=20
rule='{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"], "ports": ["80"]}}'
make_cgroup jobs.slice/job-a.service
make_cgroup jobs.slice/other.service
start_daemon

error_in() {
	local error=0

	client_in "$1" curl --silent --output /dev/null --max-time 5 "http://$TESTBED_SHARED4/" ||
		error=$?
	printf '%d' "$error"
}

# restart: the unit's cgroup goes and comes again, and a process in it connects at once, again and
# again until it is refused; prints the milliseconds from mkdir to the first refusal.
restart() {
	client python3 -c '
import os, socket, sys, time
cgroup, address = sys.argv[1:3]
with open("/proc/self/cgroup") as file:
    home = [line for line in file if line.startswith("0::")]
os.rmdir(cgroup)
os.mkdir(cgroup)
begun = time.monotonic()
with open(cgroup + "/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
while time.monotonic() < begun + 2:
    try:
        socket.create_connection((address, 80), 1).close()
    except ConnectionRefusedError:
        break
else:
    sys.exit("never refused")
took = time.monotonic() - begun
with open(sys.argv[3] + "/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
print(f"{took * 1000:.1f}")' "$TESTBED_CGROUP/jobs.slice/job-a.service" "$TESTBED_SHARED4" \
		"$TESTBED_HOST_CGROUP"
}

# all_covered: restarts, each refused in time.
all_covered() {
	local i worst median

	for ((i = 0; i < RESTARTS; i++)); do
		restart
	done >"$TESTBED_DIR/took"
	worst=$(sort -n "$TESTBED_DIR/took" | tail -n 1)
	echo "$1: covered after $(sort -n "$TESTBED_DIR/took" | sed -n $((RESTARTS / 2))p) ms (median)," \
		"$worst ms (worst) of $RESTARTS restarts"
	median=$(sort -n "$TESTBED_DIR/took" | sed -n "$(((RESTARTS + 1) / 2))p")
	assert_between "${median%.*}" 0 49 "milliseconds until it was covered, the median"
	assert_between "${worst%.*}" 0 499 "milliseconds until it was covered, the worst"
}

for form in scope match; do
	if [[ $form == scope ]]; then
		arm "$(plan "$rule" '{"scope": {"units": ["job-*.service"]}}')"
	else
		arm "$(plan "$(jq -c '.match.units = ["job-*.service"]' <<<"$rule")")"
	fi
	inject f 100
	assert_eq "$(error_in jobs.slice/job-a.service)" 7 "$form: a unit that was there"
	assert_eq "$(error_in jobs.slice/other.service)" 0 "$form: another unit"
	before=$(bpf_programs | wc -l)
	all_covered "$form"
	assert_eq "$(bpf_programs | wc -l)" "$before" "$form: programs attached after the restarts"
	assert_between "$(target_events target-found)" $RESTARTS $RESTARTS "$form: found events"
	assert_between "$(target_events target-gone)" $RESTARTS $RESTARTS "$form: gone events"
	# New ones, and deep below new slices.
	make_cgroup new.slice/deep.slice/job-b.service
	sleep 0.05
	assert_eq "$(error_in new.slice/deep.slice/job-b.service)" 7 "$form: a new unit"
	assert_eq "$(error_in new.slice/deep.slice)" 0 "$form: the slice around it"
	assert_eq "$(error_in jobs.slice/other.service)" 0 "$form: another unit, after all"
	assert_eq "$(error_in host)" 0 "$form: the host"
	disarm
	bpf_left
	drop_cgroup new.slice/deep.slice/job-b.service
	drop_cgroup new.slice/deep.slice
	drop_cgroup new.slice
done
api POST /runs "$(plan "$rule" '{"scope": {"units": ["nothing-*.service"]}}')"
assert_eq "$code $(field .error)" "422 unit nothing-*.service: no cgroup has that name" "no such unit"
stop_daemon
