#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Promise: a workflow that only observes runs nothing and still finds in the kernel's series when the
# traffic of others failed and when it was well again: what became of its connections, and what the
# servers answered, is counted exactly, and a service that is back but answers 503 is not well. A
# control group that runs as another user, out of the fault's scope, stays whole beside it.
. "$(dirname "$0")/lib.sh"
need bpftool curl jq nginx python3 setpriv
setup
start_daemon

# A server with a switch, on three ports: 503 while the file `overloaded` is there.
cat >"$TESTBED_DIR/switch.conf" <<-END
	daemon off; user root; worker_processes 1; pid $TESTBED_DIR/switch.pid;
	error_log $TESTBED_DIR/switch.log; events { worker_connections 512; }
	http {
		log_format status '\$server_port \$status';
		access_log $TESTBED_DIR/switch-access.log status;
		default_type text/plain;
		server {
			listen $TESTBED_SOLO4:8080; listen [$TESTBED_SOLO6]:8080;
			listen $TESTBED_SOLO4:8081; listen $TESTBED_SOLO4:8082; listen $TESTBED_SOLO4:8083;
			location = /slow-down { return 429; }
			location = /broken { return 500; }
			location = /moved { return 302 /; }
			location / {
				if (-f $TESTBED_DIR/overloaded) { return 503; }
				return 200 "well\n";
			}
		}
	}
END
services nginx -p "$TESTBED_DIR" -c "$TESTBED_DIR/switch.conf" -e "$TESTBED_DIR/switch.log" &
switch_listens() {
	[[ $(http_code "http://$TESTBED_SOLO4:8083/") == 200 ]]
}
await 10 switch_listens

# rule FAULT EFFECT PORT [KEYS]: of the switch, observed.
rule() {
	jq --null-input --compact-output --arg fault "$1" --arg effect "$2" --arg port "$3" \
		--arg four "$TESTBED_SOLO4/32" --arg six "$TESTBED_SOLO6/128" --argjson keys "${4:-{\}}" '{
			fault: $fault, effect: $effect, observed: true,
			match: {protocols: ["tcp"], ports: [$port], prefixes: [$four, $six]}} + $keys'
}

# column RULE NUMBER: the sum of a column of the kernel's series: 2 connects, 4 hits, 8 opened, 9
# established, 10 retransmits, 11 to 17 responses (1xx, 2xx, 3xx, 4xx, 5xx, 429, 503).
column() {
	expect_api 200 GET "/runs/$run/series?from=0"
	jq --argjson rule "$1" --argjson column "$2" \
		'[.buckets[] | select(.[0] == $rule) | .[$column]] | add // 0' <<<"$reply"
}

buckets_end() {
	expect_api 200 GET "/runs/$run/series?from=0"
	field .to
}

# complete: until the bucket of now is one that the series tells.
complete() {
	local now

	now=$(buckets_end)
	until (($(buckets_end) > now)); do
		sleep 0.02
	done
}

# columns RULE FIRST LAST
columns() {
	local number

	for ((number = $2; number <= $3; number++)); do
		column "$1" "$number"
	done | xargs
}

# logged PORT STATUS...: how many responses of each of these statuses nginx has logged.
logged() {
	local status

	for status in "${@:2}"; do
		grep -c "^$1 $status\$" "$TESTBED_DIR/switch-access.log" || true
	done | xargs
}

# requests COUNT PATH [CURL ARGUMENT...]: each over a connection of its own.
requests() {
	local number

	for ((number = 0; number < $1; number++)); do
		client curl --silent --output /dev/null --max-time 5 "${@:3}" "http://$TESTBED_SOLO4:8080$2"
	done
}

attached() {
	bpftool --json cgroup tree "$TESTBED_CGROUP" |
		jq --raw-output '[.[].programs[].name | select(startswith("fault_"))] | sort | join(" ")'
}

# -- what is counted, without any fault injected
arm "$(plan "$(rule f refuse 8080), $(rule u refuse 8082), $(rule n refuse 8083 '{"observed": false}')")"
assert_eq "$(attached)" "fault_connect4 fault_connect6 fault_ingress fault_sockops" "attached"
: >"$TESTBED_DIR/switch-access.log"
requests 20 /
requests 3 /moved
requests 4 /slow-down
requests 2 /broken
touch "$TESTBED_DIR/overloaded"
requests 6 /
rm "$TESTBED_DIR/overloaded"
# Kept: five responses on one connection.
client curl --silent --output /dev/null "http://$TESTBED_SOLO4:8080/?[1-5]"
client curl --silent --output /dev/null "http://[$TESTBED_SOLO6]:8080/"
client curl --silent --output /dev/null "http://$TESTBED_SOLO4:8082/?[1-3]"
client curl --silent --output /dev/null "http://$TESTBED_SOLO4:8083/"
complete
echo "port 8080: connects, opened, established, retransmits $(column 0 2) $(columns 0 8 10);" \
	"responses $(columns 0 11 17); nginx logged $(logged 8080 200 302 429 500 503)"
assert_eq "$(columns 0 12 14) $(column 0 16) $(column 0 15) $(column 0 17)" \
	"26 3 0 4 2 6" "responses of 2xx, 3xx, 4xx, 429, 5xx, 503"
assert_eq "$(column 0 12) $(column 0 13) $(column 0 16) $(column 0 15) $(column 0 17)" \
	"$(logged 8080 200 302 429 500 503)" "responses as nginx logged them"
assert_eq "$(column 0 2) $(columns 0 8 10)" "37 37 37 0" "connects, opened, established, retransmits"
assert_eq "$(column 1 2) $(columns 1 8 12)" "1 1 1 0 0 3" "the rule for port 8082"
expect_api 200 GET "/runs/$run/series?from=0"
assert_eq "$(jq '[.buckets[] | select(.[0] == 2) | length] | unique | .[]' <<<"$reply")" 8 \
	"numbers in a bucket that nobody observes"
# The last second is left out of what is settled.
expect_api 200 GET "/runs/$run/series?from=0&settled=1"
settled=$(field .to)
expect_api 200 GET "/runs/$run/series?from=0"
assert_between $(($(field .to) - settled)) 10 60 "buckets that are not settled"
api GET "/runs/$run/series?from=0&settled=2"
assert_eq "$code $(field .error)" "400 'settled' is 1 or left out" "another settled"
# What is refused goes out to nobody.
inject f 60
assert_eq "$(curl_error "http://$TESTBED_SOLO4:8080/")" 7 "refused"
complete
assert_eq "$(column 0 2) $(column 0 4) $(columns 0 8 9)" "38 1 37 37" "after a refusal"
disarm

# -- a rule that requests decide: of a kept connection its own responses alone
arm "$(plan "$(rule m answer 8080 '{"answer": {"status": 503}}' |
	jq --compact-output '.match += {paths: ["/moved"], http: true}')")"
client curl --silent --output /dev/null "http://$TESTBED_SOLO4:8080/{moved,a,moved,b,slow-down,moved}"
complete
assert_eq "$(columns 0 2 5)" "1 3 0 3" "connects, requests, hits and passes of a path"
assert_eq "$(columns 0 8 10) $(columns 0 11 17)" "0 0 0 0 0 3 0 0 0 0" "outcomes and responses of a path"
inject m 60
assert_eq "$(http_code "http://$TESTBED_SOLO4:8080/moved")" 503 "answered"
complete
assert_eq "$(column 0 4) $(columns 0 11 17)" "1 0 0 3 0 0 0 0" "after an answer that is no server's"
disarm

# -- connections that do not come about, and segments that are sent again
arm "$(plan "$(rule d drop 8081), $(rule u refuse 8082)")"
inject d 60
assert_eq "$(curl_error "http://$TESTBED_SOLO4:8081/" --max-time 1.5)" 28 "a connection that is dropped"
client curl --silent --output /dev/null "http://$TESTBED_SOLO4:8082/"
lift
complete
assert_eq "$(columns 0 8 9)" "1 0" "opened and established under a drop"
# After a second; on a busy machine the client gives up late.
assert_between "$(column 0 10)" 1 3 "SYNs sent again under a drop"
assert_eq "$(columns 1 8 10)" "1 1 0" "the untouched: opened, established and sent again"
# The server's own silence, without a fault: what it sends does not reach the client.
hold silent client "$TESTBED_SOLO4" 8081 1
services ip route add blackhole "$TESTBED_HOST4/32"
assert_eq "$(ask silent "request 1")" "1 silent" "a server that is not heard"
assert_eq "$(curl_error "http://$TESTBED_SOLO4:8081/" --max-time 1.5)" 28 "a connection to it"
services ip route del blackhole "$TESTBED_HOST4/32"
assert_eq "$(ask silent "response 10")" "1 200" "a server that is heard again"
complete
assert_eq "$(columns 0 8 9)" "3 1" "opened and established"
assert_between "$(column 0 10)" 3 30 "sent again: two SYNs, and a request"
assert_eq "$(column 0 12)" 2 "responses on the connection that stood"
release silent
disarm

experiment=$TESTBED_DIR/experiment.json
out=$TESTBED_DIR/observed
jq --null-input --arg address "$TESTBED_SHARED4" '{
	version: 1, title: "observed", scope: {users: ["65534"]},
	workflows: {
		everybody: {observe: "refused", stable: {successes: 10, for: "1s"}, budget: {recover: "1s"}},
		inside: {
			run: ["setpriv", "--reuid=65534", "--clear-groups", "curl", "-4", "--silent", "--fail", "--max-time", "1",
				"http://status.example/"],
			every: "200ms", timeout: "1s", stable: {successes: 5, for: "1s"}
		},
		outside: {
			run: ["curl", "-4", "--silent", "--fail", "--max-time", "1", "http://status.example/"],
			every: "200ms", timeout: "1s", stable: {successes: 5, for: "1s"}, control: "inside"
		}
	},
	faults: {refused: {match: {address: $address, port: 80}, effect: "refuse"}},
	timeline: [{steady: "3s"}, {inject: "refused", for: "3s"}, {recover: "10s"}]
}' >"$experiment"

# Somebody else's traffic: a connection each 20 ms.
spawn setpriv --reuid=65534 --clear-groups "$CLIENTS/connects.py" --every 0.02 --seconds 20 "$TESTBED_SHARED4" 80 \
	>"$TESTBED_DIR/traffic"
traffic=$spawned
code=0
client "$BUILD/faultctl" run "$experiment" --socket "$TESTBED_SOCKET" --output "$out" \
	--format json --as-root >"$out.json" 2>"$out.err" || code=$?
kill "$traffic" 2>/dev/null || true
wait "$traffic" 2>/dev/null || true
[[ $code == 0 ]] || cat "$out.err" >&2
assert_eq "$code" 0 "exit code"

# of WORKFLOW FILTER
of() {
	jq --raw-output --arg name "$1" ".episodes[0].workflows[] | select(.workflow == \$name) | $2" \
		"$out.json"
}

injected=$(jq '.episodes[0].injected_at.first_ns' "$out.json")
lifted=$(jq '.episodes[0].lifted_at.last_ns' "$out.json")
assert_eq "$(of everybody .verdict)" passed "what was observed"
# A bucket of the series is 100 ms wide.
assert_between "$(($(of everybody .first_failure_at_ns) - injected))" 0 250000000 "first failure"
assert_between "$(($(of everybody .stable_at_ns) - lifted))" -100000000 250000000 "stable"
# Every connection is counted: the clients' own list and the kernel's agree for the fault.
refused=$(awk -v from="$injected" -v to="$lifted" \
	'$1 >= from && $1 < to && $3 == "ECONNREFUSED"' "$TESTBED_DIR/traffic" | wc -l)
assert_between "$(of everybody '.units_intended - .units_successful')" "$refused" $((refused + 40)) \
	"refused connections"
assert_eq "$(of inside .affected)" true "the work inside the scope"
assert_eq "$(of outside .verdict)" not_affected "the control group"
assert_eq "$(of outside '.units_intended - .units_successful')" 0 "failures of the control group"

# -- a second outage: the fault is over, and the server still answers 503 for two seconds
second=$TESTBED_DIR/second
jq --null-input --arg address "$TESTBED_SOLO4" '{
	version: 1, title: "second outage",
	workflows: {
		everybody: {observe: "refused", stable: {successes: 10, for: "1s"}, budget: {recover: "1s"}}
	},
	faults: {refused: {match: {address: $address, port: 8080}, effect: "refuse"}},
	timeline: [{steady: "3s"}, {inject: "refused", for: "2s"}, {recover: "12s"}]
}' >"$second.yaml"
spawn bash -c "while sleep 0.03; do curl --silent --max-time 1 --output /dev/null http://$TESTBED_SOLO4:8080/; done"
traffic=$spawned
code=0
client "$BUILD/faultctl" run "$second.yaml" --socket "$TESTBED_SOCKET" --output "$second" \
	--format table --as-root >"$second.txt" 2>"$second.err" &
run_pid=$!
refusing() {
	grep -q 'first-hit' "$second.err"
}
await 10 refusing
touch "$TESTBED_DIR/overloaded"
lifted() {
	grep -q ' lifted ' "$second.err"
}
await 10 lifted
sleep 2 # the length of the second outage
well_after=$(now_ns)
rm "$TESTBED_DIR/overloaded"
well_at=$(now_ns)
wait "$run_pid" || code=$?
kill "$traffic" 2>/dev/null || true
wait "$traffic" 2>/dev/null || true
cat "$second.txt"
[[ $code == 1 ]] || cat "$second.err" >&2
assert_eq "$code" 1 "exit code: the second outage is beyond the budget"
client "$BUILD/faultctl" report "$second" --format json >"$out.json" || true
# A bucket begins up to 100 ms before what is in it.
assert_between "$(of everybody .stable_at_ns)" $((well_after - 100000000)) $((well_at + 1000000000)) "stable"
lifted=$(jq '.episodes[0].lifted_at.last_ns' "$out.json")
assert_between "$(($(of everybody .stable_at_ns) - lifted))" 1800000000 6000000000 "recovered"
assert_eq "$(of everybody '.phases.baseline.observed.established_share == 1')" true "established before"
# The bucket in which the fault ends is one of the fault's.
assert_between "$(of everybody '.phases.fault.observed.responses["503"]')" 0 10 "503 under the fault"
overloaded=$(of everybody '.phases.recovery.observed.responses["503"]')
assert_between "$overloaded" 5 100 "503 after the fault"
assert_eq "$(of everybody '.failed_attempts.http_5xx > 0')" true "buckets that failed of 5xx"
assert_contains "$(cat "$second.txt")" ", 503 $overloaded" "the table"
bpf_left
