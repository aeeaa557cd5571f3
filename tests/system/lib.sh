# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the system tests share. A test is a bash script that begins with
#
#	. "$(dirname "$0")/lib.sh"
#	setup
#	start_daemon
#
# and then arms plans, injects, and asserts what clients see. A failed assertion or command ends
# it; setup's trap takes everything down again. Variables of `testbed env` (TESTBED_…) are set
# after setup.
set -euo pipefail

source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly source_tree
readonly BUILD=${BUILD:-$source_tree/build}
readonly TESTBED=$source_tree/scripts/testbed
# shellcheck disable=SC2034 # for the tests
readonly CLIENTS=$source_tree/tests/harness/clients
readonly SECOND_NS=1000000000
# How long a call to the daemon and a client may take; slow machines (tests/kernels) say more.
readonly API_SECONDS=${API_SECONDS:-10} CLIENT_SECONDS=${CLIENT_SECONDS:-5}

daemon_pid=
daemon_status= # exit status of the daemon last stopped
spawned=       # pid of the client last spawned
run=   # id of the armed run
reply= # body of the last API call
code=  # status of the last API call
# shellcheck disable=SC2034 # for the loads of predicts
window_ns=0
declare -A held_in=() held_out=() # descriptors of the connections held, by name

# fail MESSAGE: the test has failed; where is said.
fail() {
	local frame=0

	while [[ ${FUNCNAME[frame]} != main && ${BASH_SOURCE[frame]} == "${BASH_SOURCE[0]}" ]]; do
		frame=$((frame + 1))
	done
	printf 'FAIL: %s:%s: %s\n' "${BASH_SOURCE[frame]##*/}" "${BASH_LINENO[frame - 1]}" "$*" >&2
	exit 1
}

# skip REASON: this machine cannot run the test.
skip() {
	printf 'SKIP: %s\n' "$*"
	exit 77
}

# need CMD...: skips unless the commands are installed.
need() {
	local command

	for command; do
		type -P "$command" >/dev/null || skip "$command is not installed"
	done
}

tear_down() {
	local status=$?

	trap - EXIT INT TERM
	if ((status != 0 && status != 77)) && [[ -s ${TESTBED_DIR:-}/faultd.log ]]; then
		printf -- '-- faultd said\n' >&2
		tail -n 30 "$TESTBED_DIR/faultd.log" >&2
	fi
	"$TESTBED" down "$testbed" || status=1
	exit "$status"
}

# setup: a testbed of its own, taken down when the script ends, however it ends.
setup() {
	((EUID == 0)) || skip "needs root"
	testbed=$(basename "$0" .sh | tr -c 'a-z0-9\n' '-' | cut -c1-30)-$$
	trap tear_down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"$TESTBED" up "$testbed"
	eval "$("$TESTBED" env "$testbed")"
}

# client CMD...: runs CMD on the host under test. client_in SUBGROUP CMD...: in another cgroup.
client() {
	"$TESTBED" exec "$testbed" -- "$@"
}

client_in() {
	"$TESTBED" exec "$testbed" --cgroup "$1" -- "${@:2}"
}

# spawn CMD...: as client, in the background; sets spawned to the pid of CMD itself. (Of
# `client CMD... &` it would be the pid of a shell.)
spawn() {
	"$TESTBED" exec "$testbed" -- "$@" &
	# shellcheck disable=SC2034 # for the tests
	spawned=$!
}

# services CMD...: runs CMD beside the servers.
services() {
	"$TESTBED" services "$testbed" -- "$@"
}

# hold NAME client|services ADDRESS PORT COUNT [ARGUMENT...]: opens connections and keeps them, under
# that name; each has made one request (see hold.py).
hold() {
	local pipe=$TESTBED_DIR/hold-$1 in out first

	mkfifo "$pipe.in" "$pipe.out"
	"$2" "$CLIENTS/hold.py" "${@:6}" "$3" "$4" "$5" <"$pipe.in" >"$pipe.out" &
	exec {in}>"$pipe.in" {out}<"$pipe.out"
	held_in[$1]=$in held_out[$1]=$out
	read -r -t 10 -u "$out" first || fail "hold $1: no connection"
	assert_eq "$first" "$5 200" "hold $1"
}

# ask NAME "COMMAND [SECONDS]": what hold.py prints for it.
ask() {
	local line

	echo "$2" >&"${held_in[$1]}"
	read -r -t 20 -u "${held_out[$1]}" line || fail "$1 $2: no line"
	printf '%s' "$line"
}

# release NAME: closes the connections.
release() {
	local in=${held_in[$1]} out=${held_out[$1]}

	exec {in}>&- {out}<&-
	rm "$TESTBED_DIR/hold-$1.in" "$TESTBED_DIR/hold-$1.out"
}

# http_code URL [CURL ARGUMENT...]: the status that a client gets, 000 without an answer.
http_code() {
	client curl --silent --output /dev/null --max-time "$CLIENT_SECONDS" --write-out '%{http_code}' "${@:2}" "$1" ||
		true
}

# curl_error URL [CURL ARGUMENT...]: curl's exit code.
curl_error() {
	local error=0

	client curl --silent --output /dev/null --max-time "$CLIENT_SECONDS" "${@:2}" "$1" || error=$?
	printf '%d' "$error"
}

# start_daemon [ARGUMENT...]: faultd in the testbed, with the testbed's cgroup as the whole host.
# shellcheck disable=SC2120 # the arguments are optional
start_daemon() {
	[[ -x $BUILD/faultd ]] || fail "$BUILD/faultd is not built"
	"$TESTBED" exec "$testbed" --cgroup daemon -- "$BUILD/faultd" \
		--socket "$TESTBED_SOCKET" --cgroup-root "$TESTBED_CGROUP" \
		--policy "$TESTBED_DIR/policy.yaml" "$@" >>"$TESTBED_DIR/faultd.log" 2>&1 &
	daemon_pid=$!
	await "$API_SECONDS" daemon_answers
}

# find_api: sets api_pid to the api process of the daemon, whose own pid is the engine's.
find_api() {
	# shellcheck disable=SC2034 # for the tests
	api_pid=$(child_of "$daemon_pid" faultd-api)
}

# find_helper, find_gate: set helper_pid and gate_pid likewise; the gate's is empty while there is
# none.
find_helper() {
	helper_pid=$(child_of "$daemon_pid" faultd-helper)
}

find_gate() {
	find_helper
	# shellcheck disable=SC2034 # for the tests
	gate_pid=$(child_of "$helper_pid" faultd-gate)
}

# child_of PID NAME: the child of this name; nothing when there is none.
child_of() {
	local children child name

	read -r -a children <"/proc/$1/task/$1/children" || true
	for child in "${children[@]}"; do
		read -r name <"/proc/$child/comm" 2>/dev/null || continue
		[[ $name != "$2" ]] || printf '%s' "$child"
	done
}

daemon_answers() {
	kill -0 "$daemon_pid" 2>/dev/null || fail "faultd ended before it answered"
	curl --silent --fail --output /dev/null --max-time 2 --unix-socket "$TESTBED_SOCKET" \
		http://faultd/v1/status 2>/dev/null
}

# stop_daemon [SIGNAL]: ends faultd by its pid and waits for it; sets daemon_status.
# shellcheck disable=SC2120 # the arguments are optional
stop_daemon() {
	kill "-${1:-TERM}" "$daemon_pid"
	daemon_status=0
	# shellcheck disable=SC2034 # for the tests
	wait "$daemon_pid" || daemon_status=$?
	daemon_pid=
}

# api METHOD PATH [BODY]: one call to the daemon; sets code and reply.
api() {
	local answer

	answer=$(curl --silent --show-error --max-time "$API_SECONDS" --unix-socket "$TESTBED_SOCKET" \
		--request "$1" --write-out '\n%{http_code}' \
		${3:+--header 'Content-Type: application/json' --data-binary "$3"} \
		"http://faultd/v1$2") || fail "$1 /v1$2: no answer"
	code=${answer##*$'\n'}
	reply=${answer%$'\n'*}
}

# expect_api STATUS METHOD PATH [BODY]: as api, and the status must be this one.
expect_api() {
	api "${@:2}"
	[[ $code == "$1" ]] || fail "$2 /v1$3: status $code instead of $1: $reply"
}

# field FILTER: a field of the last reply, by a jq filter.
field() {
	jq --raw-output "$1" <<<"$reply"
}

# plan RULES [KEYS]: a plan of these rules (JSON objects, comma separated), 10 minutes long with a
# lease of one minute; KEYS (a JSON object) overrides its keys.
plan() {
	jq --null-input --compact-output --argjson rules "[$1]" --argjson keys "${2:-{\}}" \
		--argjson second "$SECOND_NS" '{
			version: 1, title: "system test", seed: 1,
			duration_ns: (600 * $second), lease_ns: (60 * $second),
			scope: {cgroups: [], units: []}, protect: [],
			rules: ($rules | map({share_ppm: 1000000} + .))
		} + $keys' || fail "not a plan: $1"
}

# arm PLAN: sets run to the new run's id.
arm() {
	expect_api 201 POST /runs "$1"
	run=$(field .run)
}

# inject FAULT[,FAULT...] SECONDS
inject() {
	expect_api 200 POST "/runs/$run/inject" "$(jq --null-input --compact-output \
		--arg faults "$1" --argjson seconds "$2" --argjson second "$SECOND_NS" \
		'{faults: ($faults / ","), for_ns: ($seconds * $second | floor)}')"
}

# lift [FAULT[,FAULT...]]: all without a name.
# shellcheck disable=SC2120 # the arguments are optional
lift() {
	expect_api 200 POST "/runs/$run/lift" "$(jq --null-input --compact-output \
		--arg faults "${1:-}" 'if $faults == "" then {} else {faults: ($faults / ",")} end')"
}

renew() {
	expect_api 200 POST "/runs/$run/renew"
}

disarm() {
	expect_api 200 DELETE "/runs/$run"
	run=
}

# counter FAULT FIELD: the sum of a counter over the rules of a fault.
counter() {
	expect_api 200 GET "/runs/$run/counters"
	jq --raw-output --arg fault "$1" --arg field "$2" \
		'[.rules[] | select(.fault == $fault) | .[$field]] | add // 0' <<<"$reply"
}

# reason_count FAULT WORD: how often the kernel gave this reason for the rules of a fault.
reason_count() {
	expect_api 200 GET "/runs/$run/counters"
	jq --raw-output --arg fault "$1" --arg word "$2" \
		'[.rules[] | select(.fault == $fault) | .reasons[$word]] | add // 0' <<<"$reply"
}

# predict RULE KEYS CMD...: sets said to the hits that a shadow of the rule of fault f says of the load
# CMD, and hits to those of a run of it. What CMD prints in the shadow must be $untouched, and in the run
# something else. CMD finds in window_ns when the window opened.
predict() {
	local seen

	arm "$(plan "$1" "$(jq --compact-output '. + {shadow: true}' <<<"$2")")"
	window_ns=$(field .started_ns)
	seen=$("${@:3}")
	assert_eq "$seen" "$untouched" "what the load met in the shadow"
	assert_eq "$(counter f hits)" 0 "hits in the shadow"
	expect_api 200 GET "/runs/$run/shadow"
	said=$(field '[.entries[].hits] | add // 0')
	disarm
	arm "$(plan "$1" "$2")"
	inject f 60
	window_ns=$(field .starts_at_ns)
	seen=$("${@:3}")
	hits=$(counter f hits)
	disarm
	[[ $seen != "$untouched" ]] || fail "the load met nothing in the run"
}

# predicts WHAT RULE KEYS CMD...: the load CMD meets, in a run of the rule, as many hits as in a shadow of
# it, within 1 %. A machine that was busy did not make the same load twice: then it is made again.
predicts() {
	local untouched said hits off try

	# shellcheck disable=SC2034 # for the load
	window_ns=0
	untouched=$("${@:4}")
	for try in 1 2 3; do
		predict "${@:2}"
		echo "$1: predicted $said, met $hits"
		off=$((said > hits ? said - hits : hits - said))
		((hits == 0 || off * 100 > hits)) || return 0
	done
	fail "$1: predicted $said, met $hits, at try $try"
}

# await SECONDS CMD...: until CMD succeeds, asked every 20 ms; fails when it does not in time.
await() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))

	until "${@:2}"; do
		((${EPOCHREALTIME/./} < deadline)) || fail "not within $1 s: ${*:2}"
		sleep 0.02
	done
}

# assert_eq ACTUAL EXPECTED [WHAT]
assert_eq() {
	[[ $1 == "$2" ]] || fail "${3:-value}: got '$1' instead of '$2'"
}

# assert_between ACTUAL LOWEST HIGHEST [WHAT]: whole numbers, both ends included.
assert_between() {
	(($1 >= $2 && $1 <= $3)) || fail "${4:-value}: $1 is not within $2 to $3"
}

# assert_contains TEXT PART [WHAT]
assert_contains() {
	[[ $1 == *"$2"* ]] || fail "${3:-text}: '$1' does not contain '$2'"
}

# make_cgroup NAME: a cgroup NAME below the testbed's, taken down with it. drop_cgroup NAME: removes
# it when its processes have gone.
make_cgroup() {
	mkdir -p "$TESTBED_CGROUP/$1"
}

drop_cgroup() {
	await 3 rmdir "$TESTBED_CGROUP/$1" 2>/dev/null
}

# target_events WORD: how many of these events the run has reported.
target_events() {
	curl --silent --max-time 0.5 --unix-socket "$TESTBED_SOCKET" \
		"http://faultd/v1/events?run=$run" 2>/dev/null |
		jq --raw-output --arg word "$1" 'select(.event == $word) | .target' | wc -l
}

# now_ns: CLOCK_BOOTTIME as far as a shell can tell it, in whole centiseconds.
now_ns() {
	local uptime _

	read -r uptime _ </proc/uptime
	printf '%s0000000\n' "${uptime/./}"
}

# bpf_programs: ids of the programs attached anywhere in the testbed's cgroups.
bpf_programs() {
	bpftool cgroup tree "$TESTBED_CGROUP" 2>/dev/null |
		awk '$1 ~ /^[0-9]+$/ && /fault_/ { print $1 }'
}

# nothing_attached: whether the testbed's cgroups carry no program of ours.
nothing_attached() {
	[[ -z $(bpf_programs) ]]
}

# bpf_left: fails unless, within 3 s, no program of ours is attached to the testbed's cgroups.
bpf_left() {
	await 3 nothing_attached
}
