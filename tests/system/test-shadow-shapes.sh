#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# alone: what its loads meet hangs on the moment
# Promise: a shadow touches nothing and predicts, to within 1 %, the hits of a run with the same seed
# and load also where not everything is hit: for shares, ramps, flaps, budgets, the first ones, the
# capacity of an overload, and DNS queries, by many clients at once.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup
start_daemon

scope='{"seed": 4711, "scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
match='"match": {"protocols": ["tcp"], "ports": ["80"], "prefixes": ["'"$TESTBED_SOLO4"'/32"]}'
answer='"effect": "answer", "answer": {"status": 503, "headers": "", "body_base64": ""}, '$match
readonly CLIENTS_AT_ONCE=6

# at_once CMD...: several at a time; what they print, together.
at_once() {
	local i clients=()

	for ((i = 0; i < CLIENTS_AT_ONCE; i++)); do
		client "$@" >"$TESTBED_DIR/client.$i" &
		clients+=("$!")
	done
	wait "${clients[@]}"
	cat "$TESTBED_DIR"/client.*
}

# tally: lines `COUNT WHAT` of several clients as one.
tally() {
	awk '{ n = $1; $1 = ""; sum[$0] += n } END { for (what in sum) print sum[what] what }' | sort
}

# connects N: connections by each of several clients.
connects() {
	at_once "$CLIENTS/attempt.py" --count "$1" tcp "$TESTBED_SOLO4" 80 | tally
}

# requests N: requests by each of several clients, on one connection each.
requests() {
	at_once curl --silent --output /dev/null --write-out '1 %{http_code}\n' \
		"http://$TESTBED_SOLO4/fast?[1-$1]" | tally
}

# paced SECONDS EVERY: connections at these moments, from half a second behind the window's start.
paced() {
	client "$CLIENTS/connects.py" --from $((window_ns + 500000000)) --seconds "$1" --every "$2" \
		"$TESTBED_SOLO4" 80 | awk '{ print 1, $3 }' | tally
}

queries() {
	at_once "$CLIENTS/queries.py" registry.example "$TESTBED_DNS4" "$1" | tally
}

# shaped SHAPE: a refusal of that shape.
shaped() {
	printf '{"fault": "f", "effect": "refuse", "shape": %s, %s}' "$1" "$match"
}

predicts "refuse, share 30 %" '{"fault": "f", "effect": "refuse", "share_ppm": 300000, '"$match"'}' \
	"$scope" connects 200
predicts "reset at connect, share 40 %" '{"fault": "f", "effect": "reset", "at": "connect",
	"share_ppm": 400000, '"$match"'}' "$scope" connects 100
predicts "answer, share 30 %" '{"fault": "f", "share_ppm": 300000, '"$answer"'}' "$scope" requests 200
predicts "first 100" "$(shaped '{"first": 100}')" "$scope" connects 100
predicts "budget of 150 hits" "$(shaped '{"budget": {"hits": 150}}')" "$scope" connects 100
predicts "budget of 250 hits of a share of 70 %" '{"fault": "f", "share_ppm": 700000,
	"shape": {"budget": {"hits": 250}}, '"$answer"'}' "$scope" requests 100
predicts "ramp 10 % to 90 % over 3 s" "$(shaped '{"ramp":
	{"from_ppm": 100000, "to_ppm": 900000, "over_ns": 3000000000}}')" "$scope" paced 4 0.002
predicts "flap 40 % of 400 ms" "$(shaped '{"flap": {"period_ns": 400000000, "duty_ppm": 400000}}')" \
	"$scope" paced 4 0.002
predicts "overload, 100 a second of 500" '{"fault": "f", "effect": "overload", "capacity": 100000,
	"burst": 20, "reject_cost_millionths": 100000, "reject": "refuse", '"$match"'}' \
	"$scope" paced 4 0.002
predicts "dns: nxdomain, share 40 %" '{"fault": "f", "effect": "dns", "dns": "nxdomain",
	"share_ppm": 400000, "match": {"protocols": ["udp"], "names": ["registry.example"]}}' \
	"$scope" queries 60

# Who asked, of a query.
arm "$(plan '{"fault": "f", "effect": "dns", "dns": "nxdomain", "match": {"protocols": ["udp"],
	"names": ["*.blob.example"]}}' "$(jq --compact-output '. + {shadow: true}' <<<"$scope")")"
client "$CLIENTS/queries.py" Images.Blob.example "$TESTBED_DNS4" 3 >/dev/null
expect_api 200 GET "/runs/$run/shadow"
assert_eq "$(field '.entries[] | [.cgroup, .address, .port, .name, .requests, .hits] | join(" ")')" \
	"$TESTBED_HOST_CGROUP_PATH $TESTBED_DNS4 53 images.blob.example 3 3" "queries in a shadow"
disarm
stop_daemon
bpf_left
