#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# Promise: a shadow touches nothing and predicts, to within 1 %, what the same load meets in the run
# that follows; it tells unit, process, destination and name, protected hits and hits by address
# alone apart; `run --require-plan` refuses an experiment that was not watched as it is.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup
start_daemon

readonly CTL=$BUILD/faultctl
export XDG_STATE_HOME=$TESTBED_DIR/state
answer='"answer": {"status": 503, "body_base64": "bm8="}'
rules='
	{"fault": "store", "effect": "answer", '"$answer"',
		"match": {"protocols": ["tcp"], "ports": ["80"], "names": ["packages.blob.example"]}},
	{"fault": "door", "effect": "refuse",
		"match": {"protocols": ["tcp"], "prefixes": ["'"$TESTBED_SOLO4"'/32"]}},
	{"fault": "hang", "effect": "hang", "share_ppm": 500000,
		"match": {"protocols": ["tcp"], "ports": ["8080"], "names": ["registry.example"]}},
	{"fault": "alert", "effect": "alert", "alert": 112,
		"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["images.blob.example"]}}'
readonly REQUESTS=300 DOORS=120 ALERTS=40

# load: the same every time; prints what the clients saw.
load() {
	{
		client curl --silent --output /dev/null --write-out '%{stderr}%{http_code}\n' \
			"http://packages.blob.example/?[1-$REQUESTS]" 2>&1 || true
		client python3 -c '
import socket, sys
for _ in range(int(sys.argv[2])):
    try:
        socket.create_connection((sys.argv[1], 80), 5).close()
        print("open")
    except OSError as error:
        print(error.strerror)' "$TESTBED_SOLO4" "$DOORS"
		client_in other python3 -c '
import ssl, socket, sys
for _ in range(int(sys.argv[1])):
    try:
        context = ssl.create_default_context(cafile=sys.argv[2])
        with socket.create_connection(("images.blob.example", 443), 5) as plain:
            with context.wrap_socket(plain, server_hostname="images.blob.example"):
                print("tls")
    except ssl.SSLError as error:
        print(error.reason)' "$ALERTS" "$TESTBED_CA"
	} | sort | uniq -c | awk '{ print $1, $2 }' | xargs
}

untouched=$(load)
assert_contains "$untouched" "$REQUESTS 200" "without a fault"
arm "$(plan "$rules" '{"shadow": true}')"
assert_eq "$(load)" "$untouched" "what clients saw in the shadow"
assert_eq "$(counter store hits) $(counter door hits) $(counter alert hits)" "0 0 0" "hits of a shadow"
api POST "/runs/$run/inject" '{"faults": ["door"], "for_ns": 1000000000}'
assert_eq "$code $(field .error)" "400 a shadow injects nothing" "inject"
expect_api 200 GET "/runs/$run/shadow"
shadow=$reply
# predicted FAULT FIELD
predicted() {
	jq --arg fault "$1" --arg field "$2" \
		'[.entries[] | select(.fault == $fault) | .[$field]] | add // 0' <<<"$shadow"
}
disarm
bpf_left

arm "$(plan "$rules")"
inject store,door,hang,alert 300
met=$(load)
for fault in store door alert; do
	hits=$(counter "$fault" hits)
	said=$(predicted "$fault" hits)
	((hits > 0)) || fail "$fault: no hits"
	off=$((said > hits ? said - hits : hits - said))
	((off * 100 <= hits)) || fail "$fault: predicted $said, met $hits"
	echo "$fault: predicted $said, met $hits"
done
assert_contains "$met" "$REQUESTS 503" "in the run"
disarm

# Who and what for.
row=$(jq --compact-output '[.entries[] | select(.fault == "store" and .hits > 0)] |
	unique_by([.command, .name, .cgroup]) | map([.command, .name, .cgroup, .port])' <<<"$shadow")
assert_eq "$row" '[["curl","packages.blob.example","'"$TESTBED_HOST_CGROUP_PATH"'",80]]' "store"
row=$(jq --compact-output '[.entries[] | select(.fault == "alert" and .hits > 0) | .name, .command, .connections,
	(.cgroup | endswith("/other"))]' <<<"$shadow")
assert_eq "$row" '["images.blob.example","python3",'"$ALERTS"',true]' "alert"

# Protected ones, and those by address alone, stand apart.
arm "$(plan '{"fault": "all", "effect": "refuse", "match": {"protocols": ["tcp"], "ports": ["80"]}},
	{"fault": "named", "effect": "refuse", "match": {"protocols": ["tcp"], "ports": ["81"],
	"names": ["solo.example"]}}' \
	'{"shadow": true, "protect": [{"prefix": "'"$TESTBED_SOLO4"'/32", "ports": ["80"]}]}')"
http_code "http://$TESTBED_SOLO4/" >/dev/null
http_code "http://$TESTBED_SHARED4/" >/dev/null
curl_error "http://solo.example:81/" >/dev/null
expect_api 200 GET "/runs/$run/shadow"
assert_eq "$(field '[.entries[] | select(.address == "'"$TESTBED_SOLO4"'" and .port == 80) |
	.protected, .hits] | join(" ")')" "1 0" "protected"
assert_eq "$(field '[.entries[] | select(.address == "'"$TESTBED_SHARED4"'") |
	.protected, .hits] | join(" ")')" "0 1" "not protected"
assert_eq "$(field '[.entries[] | select(.fault == "named") | .address_only == .hits, .hits > 0] |
	unique | join(" ")')" "true" "by address alone"
disarm

# The controller: a table, and a record of it.
cat >"$TESTBED_DIR/shadow.yaml" <<END
version: 1
title: Shadow of a store
workflows:
  idle: {run: ["true"], every: 100ms, timeout: 1s}
faults:
  store:
    match: {name: packages.blob.example, port: 80}
    effect: {answer: {status: 503}}
timeline:
  - steady: 1s
  - inject: store
    for: 1s
  - recover: 1s
END
required() {
	local error=0

	"$CTL" run --socket "$TESTBED_SOCKET" --quiet --require-plan "$TESTBED_DIR/shadow.yaml" \
		>"$TESTBED_DIR/run.out" 2>&1 || error=$?
	echo "$error"
}
assert_eq "$(required)" 4 "run without a plan"
assert_contains "$(<"$TESTBED_DIR/run.out")" "was not watched" "run without a plan"
"$CTL" plan --socket "$TESTBED_SOCKET" --watch 4s "$TESTBED_DIR/shadow.yaml" >"$TESTBED_DIR/table" &
watcher=$!
is_armed() {
	api GET /status
	[[ $(field .armed) == true ]]
}
await 3 is_armed
for _ in 1 2 3 4; do
	assert_eq "$(http_code "http://packages.blob.example/")" 200 "while watched"
done
wait "$watcher" || fail "plan --watch: exit code $?"
cat "$TESTBED_DIR/table"
assert_eq "$(awk '$1 == "store" { print $2, $3, $5, $6, $7 }' "$TESTBED_DIR/table" | xargs)" \
	"$TESTBED_HOST_CGROUP_PATH curl packages.blob.example 4 4" "the table"
assert_contains "$(<"$TESTBED_DIR/table")" "Connections that would be hit: 1.00/s" "the estimate"
assert_eq "$(required)" 5 "run with a plan: nothing met the fault"
sed -i 's/status: 503/status: 500/' "$TESTBED_DIR/shadow.yaml"
assert_eq "$(required)" 4 "run with the plan of another experiment"
stop_daemon
bpf_left
