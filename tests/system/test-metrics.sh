#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: GET /metrics says what is armed and what each rule has done, in a form that Prometheus takes.
. "$(dirname "$0")/lib.sh"
need curl jq promtool
setup
start_daemon

# scrape: the metrics, in $metrics, after promtool has taken them.
scrape() {
	metrics=$(curl --silent --show-error --fail --max-time 5 --unix-socket "$TESTBED_SOCKET" \
		http://faultd/metrics)
	promtool check metrics <<<"$metrics" || fail "promtool: $metrics"
}

# value NAME: the value of a sample, by its name and labels.
value() {
	awk -v name="$1" 'index($0, name " ") == 1 { print $NF }' <<<"$metrics"
}

scrape
assert_eq "$(value faultd_armed)" 0 "armed"
assert_eq "$(value faultd_attached)" 0 "attached"
arm "$(plan '{"fault": "artifacts", "effect": "refuse", "match": {"protocols": ["tcp"],
	"ports": ["80"], "prefixes": ["'"$TESTBED_SOLO4/32"'"]}}')"
labels='{rule="0",fault="artifacts",effect="refuse"}'
scrape
assert_eq "$(value faultd_armed)" 1 "armed"
assert_eq "$(value "faultd_rule_injected$labels")" 0 "injected before the inject"
assert_eq "$(http_code "http://$TESTBED_SOLO4/")" 200
inject artifacts 60
assert_eq "$(curl_error "http://$TESTBED_SOLO4/")" 7
assert_eq "$(curl_error "http://$TESTBED_SOLO4/")" 7
scrape
assert_eq "$(value "faultd_rule_injected$labels")" 1 "injected"
assert_eq "$(value "faultd_rule_hits_total$labels")" 2 "hits"
assert_eq "$(value "faultd_rule_hits_total$labels")" "$(counter artifacts hits)" "hits"
disarm
scrape
assert_eq "$(value faultd_armed)" 0 "armed after the run"
