#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cost-of-passing.sh [ROUNDS]: what traffic pays that no fault touches. Each round measures requests
# per second on kept connections, and new connections per second, with nothing armed and with each
# plan armed and injected, in random order; prints the median of the rounds' ratios to "nothing armed"
# with the lowest and the highest. Run by hand, on a machine with nothing else to do.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
need wrk jq
setup
start_daemon

readonly ROUNDS=${1:-5} SECONDS_EACH=2
results=$TESTBED_DIR/results

# The plans: another address refused; another address dropped (a program sees every packet); another
# name on the same port (each connection's first message is looked at); another path on the same
# port (each request is).
declare -A plans=(
	[refuse]='{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"],
		"ports": ["81"], "prefixes": ["203.0.113.1"]}}'
	[drop]='{"fault": "f", "effect": "drop", "match": {"protocols": ["tcp"],
		"ports": ["81"], "prefixes": ["203.0.113.1"]}}'
	[name]='{"fault": "f", "effect": "hang", "match": {"protocols": ["tcp"], "ports": ["80"],
		"names": ["*.other.example"]}}'
	[path]='{"fault": "f", "effect": "answer", "match": {"protocols": ["tcp"], "ports": ["80"],
		"paths": ["/other"], "http": true}, "answer": {"status": 503}}'
)

# rate LABEL KIND WRK-ARGUMENT...
rate() {
	client wrk --threads 1 --connections 8 --duration "${SECONDS_EACH}s" "${@:3}" \
		"http://$TESTBED_SHARED4/fast" |
		awk -v label="$1" -v kind="$2" -v round="$round" \
			'/^Requests\/sec/ { print round, label, kind, $2 }' >>"$results"
}

measure() {
	rate "$1" requests --header 'Host: status.example'
	rate "$1" connections --header 'Host: status.example' --header 'Connection: close'
}

for ((round = 0; round < ROUNDS; round++)); do
	while read -r label; do
		if [[ $label == nothing ]]; then
			measure nothing
			continue
		fi
		arm "$(plan "${plans[$label]}")"
		inject f 60
		measure "$label"
		disarm
	done < <(printf '%s\n' nothing "${!plans[@]}" | shuf)
done
stop_daemon

awk -f "$source_tree/tests/bench/ratios.awk" "$results"
