#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# alone: it measures rates
# Promise: 64 rules of mixed kinds that are armed at once behave as each does alone: what the client
# of each rule sees in the mix is what it sees when that rule is armed alone, and is what the table
# (tests/harness/mixed/table.py) says of the effect; without a fault every client gets what it asks
# for. Downloads that were stalled or throttled are byte-identical (SHA-256).
. "$(dirname "$0")/lib.sh"
need jq python3
setup
export PYTHONDONTWRITEBYTECODE=1

readonly MIXED=$source_tree/tests/harness/mixed/mixed.py
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
faults=()
declare -A without=() under=() rule=()
while IFS='|' read -r fault plain hit json; do
	faults+=("$fault")
	# shellcheck disable=SC2034 # expect is told their names
	without[$fault]=$plain under[$fault]=$hit rule[$fault]=$json
done < <("$MIXED" rows)
assert_eq "${#faults[@]}" 64 "rows"

"$MIXED" addresses | services ip -batch -
services "$MIXED" serve "$TESTBED_DIR/services.crt" "$TESTBED_DIR/services.key" \
	>"$TESTBED_DIR/serve.log" 2>&1 &
await 10 grep -qsx ready "$TESTBED_DIR/serve.log"
played=$TESTBED_DIR/played
: >"$played"
mkfifo "$TESTBED_DIR/names"
client "$MIXED" play <"$TESTBED_DIR/names" >>"$played" 2>&1 &
exec {names}>"$TESTBED_DIR/names"
await 10 grep -qx ready "$played"

# begin TABLE FAULT...: their clients begin, all at once; those that will see silence do not wait long.
begin() {
	local -n sees=$1
	local fault words=()

	for fault in "${@:2}"; do
		words+=("$fault")
		[[ ${sees[$fault]} != *silent* ]] || words[-1]+=/silent
	done
	: >"$played"
	echo "${words[*]}" >&"$names"
}

# said COUNT PATTERN: whether the clients have said so many lines like that.
said() {
	(($(grep -c "$2" "$played") >= $1))
}

# expect WHEN TABLE FAULT...: what the clients saw must be what stands in the table. Counts those that
# saw something else.
wrong=0
expect() {
	local -n due=$2
	local fault seen

	await 40 said $(($# - 2)) ^r
	for fault in "${@:3}"; do
		seen=$(sed -n "s/^$fault //p" "$played")
		printf '%-16s %-6s %s\n' "$fault" "$1" "$seen"
		[[ $seen == "${due[$fault]}" ]] || {
			echo "FAIL: $fault $1: '$seen' instead of '${due[$fault]}'"
			wrong=$((wrong + 1))
		}
	done
}

# inject_all FAULT...: and their clients, up to where those that wait for the lift do.
inject_all() {
	inject "$(IFS=, && echo "$*")" 60
	begin under "$@"
	await 40 said $# '^r\|^waits'
}

begin without "${faults[@]}"
expect before without "${faults[@]}" >"$TESTBED_DIR/before"
start_daemon
began=$SECONDS
for fault in "${faults[@]}"; do
	arm "$(plan "${rule[$fault]}" "$scope")"
	inject_all "$fault"
	disarm
	expect alone under "$fault"
done
alone=$((SECONDS - began)) began=$SECONDS
arm "$(plan "$(IFS=, && echo "${rule[*]}")" "$scope")"
begin without "${faults[@]}"
expect armed without "${faults[@]}" >"$TESTBED_DIR/armed"
inject_all "${faults[@]}"
lift
expect mixed under "${faults[@]}"
begin without "${faults[@]}"
expect lifted without "${faults[@]}" >"$TESTBED_DIR/lifted"
disarm
exec {names}>&-
grep -h FAIL "$TESTBED_DIR"/{before,armed,lifted} || true
((wrong == 0)) || fail "$wrong clients saw something else"
stop_daemon
bpf_left
echo "64 rules: each alone in $alone s, all at once in $((SECONDS - began)) s, with the same outcomes"
