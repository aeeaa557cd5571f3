#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: what must not be armed is refused with one line before anything is, whoever asks and
# however; the daemon goes on serving. What the policy or a plan protects passes untouched while the
# rest of a wider rule is hit. A policy that others could have written is not followed.
. "$(dirname "$0")/lib.sh"
need curl jq python3 setpriv
setup
policy=$TESTBED_DIR/policy.yaml
client_cgroup=$TESTBED_HOST_CGROUP_PATH
match='"match": {"protocols": ["tcp"], "prefixes": ["'"$TESTBED_SHARED4/32"'"]}'
readonly REFUSE='{"fault": "f", "effect": "refuse", '$match'}'

# expect_refused STATUS CODE TEXT WHAT: the last call was refused so, in one line, and nothing is
# armed. A star in TEXT stands for any words.
expect_refused() {
	assert_eq "$code $(field .code)" "$1 $2" "$4: status and code ($reply)"
	# shellcheck disable=SC2053 # a pattern
	[[ $(field .error) == $3 ]] || fail "$4: got '$(field .error)' instead of '$3'"
	assert_eq "$(field .error | wc -l)" 1 "$4: lines"
	nothing_attached || fail "$4: programs are attached"
	expect_api 200 GET /status
	assert_eq "$(field .armed)" false "$4: armed"
}

# refuse_plan STATUS CODE TEXT RULES [KEYS]
refuse_plan() {
	api POST /runs "$(plan "${@:4}")"
	expect_refused "$1" "$2" "$3" "the plan $4 ${5:-}"
}

cat >"$policy" <<END
version: 1
longest duration: 15m
longest lease: 60s
effects: [refuse, drop, answer, alert, hang]
protect: ["$TESTBED_SOLO4", "$TESTBED_DNS4 port 53"]
users: [root, daemon]
END
start_daemon --group nogroup

# Names and scopes that come to nothing.
refuse_plan 422 unresolvable "'nowhere.example' does not resolve: Name or service not known" \
	'{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"],
	"names": ["solo.example", "nowhere.example"]}}'
refuse_plan 422 unresolvable "unit no-such-*.service: no cgroup has that name" "$REFUSE" \
	'{"scope": {"units": ["no-such-*.service"], "cgroups": []}}'
refuse_plan 422 unresolvable "cgroup $client_cgroup/missing: does not exist" "$REFUSE" \
	'{"scope": {"cgroups": ["'"$client_cgroup"'", "'"$client_cgroup"'/missing"], "units": []}}'
refuse_plan 422 unresolvable "cgroup /faultd-no-such: does not exist" \
	'{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"],
	"cgroups": ["/faultd-no-such"]}}'

# What the policy and the plan itself protect.
refuse_plan 403 denied "fault 'f': its destination is protected by the policy ($TESTBED_SOLO4)" \
	'{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"],
	"prefixes": ["'"$TESTBED_SOLO4/32"'"]}}'
refuse_plan 403 denied "fault 'f': its destination is protected by the policy ($TESTBED_DNS4 port 53)" \
	'{"fault": "f", "effect": "drop", "match": {"protocols": ["udp"], "ports": ["53"],
	"prefixes": ["'"$TESTBED_DNS4"'"]}}'
refuse_plan 400 invalid "fault 'f': its destination is protected by the plan (10.77.0.0/24)" \
	"$REFUSE" '{"protect": [{"prefix": "10.77.0.0/24"}]}'

# Times and effects.
refuse_plan 403 denied "a duration of 16m is over the policy's 15m" "$REFUSE" \
	'{"duration_ns": 960000000000}'
refuse_plan 403 denied "the policy does not allow the effect unreachable" "${REFUSE/refuse/unreachable}"
refuse_plan 400 invalid "the lease is outside 500ms..1m" "$REFUSE" '{"lease_ns": 61000000000}'
refuse_plan 400 invalid \
	"fault f: it would match everything; an address, name, port, path or cgroup is needed" \
	'{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"]}}'

# Who: only whom the policy names, whatever the socket's mode lets in.
as() {
	reply=$(setpriv --reuid "$1" --regid nogroup --clear-groups curl --silent --max-time 5 \
		--unix-socket "$TESTBED_SOCKET" --write-out '\n%{http_code}' "${@:2}") ||
		reply="curl's $?"$'\n'000
	code=${reply##*$'\n'}
	reply=${reply%$'\n'*}
}
nobody=$(id -u nobody)
assert_eq "$(stat --format '%a %U %G' "$TESTBED_SOCKET")" "660 root nogroup" "the socket's mode"
as nobody http://faultd/v1/status
assert_eq "$code" 200 "status for nobody"
for path in runs halt release; do
	as nobody --data-binary "$(plan "$REFUSE")" "http://faultd/v1/$path"
	expect_refused 403 denied "the policy does not let user $nobody run experiments" "$path by nobody"
done
as daemon --data-binary "$(plan "$REFUSE")" http://faultd/v1/runs
assert_eq "$code" 201 "a run by daemon"
run=$(field .run)
as nobody --request DELETE "http://faultd/v1/runs/$run"
assert_eq "$code" 403 "daemon's run ended by nobody"
inject f 60
assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 7 "root injects in daemon's run"
disarm
reply=$(setpriv --reuid nobody --regid "$(id -g daemon)" --clear-groups curl --silent \
	--unix-socket "$TESTBED_SOCKET" http://faultd/v1/status) && fail "any group may connect"

echo "plans: refused in one line each, nothing armed, whoever asked"

# Protected inside a wider rule: it passes, the rest is hit.
arm "$(plan '{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"],
	"prefixes": ["10.77.0.0/24"]}}, {"fault": "g", "effect": "drop", "match": {"protocols": ["tcp"],
	"prefixes": ["10.77.0.0/24"]}}' '{"protect": [{"prefix": "'"$TESTBED_SHARED4/32"'", "ports": ["443"]}]}')"
inject f 60
attempts() {
	client "$CLIENTS/attempt.py" --timeout 0.3 --count 20 tcp "$@"
}
for fault in f g; do
	hit="20 connect ECONNREFUSED"
	[[ $fault == f ]] || hit="20 silent"
	before=$(reason_count "$fault" protected)
	assert_eq "$(attempts "$TESTBED_SHARED4" 443)" "20 ok" "protected by the plan, $fault"
	assert_eq "$(attempts "$TESTBED_SOLO4" 80)" "20 ok" "protected by the policy, $fault"
	assert_eq "$(($(reason_count "$fault" protected) - before))" 40 "counted as protected, $fault"
	[[ $fault == f ]] || hit="3 silent"
	assert_eq "$(client "$CLIENTS/attempt.py" --timeout 0.2 --count "${hit%% *}" tcp \
		"$TESTBED_SHARED4" 80)" "$hit" "not protected, $fault"
	lift
	inject g 60
done
disarm

echo "protected: 80 of 80 connections passed beside those that were hit"

# What is no request.
refuse_body() {
	api POST /runs "$4"
	expect_refused "$1" "$2" "$3" "the body ${4:0:60}"
}
refuse_body 400 invalid "not JSON: line 1, column 0: *" ""
refuse_body 400 invalid "not JSON: line 1, column 11: *" '{"version":'
refuse_body 400 invalid "must be an object" '[]'
refuse_body 400 invalid "unknown key 'evil'" "$(plan "$REFUSE" '{"evil": 1}')"
refuse_body 400 invalid "rules: 0: unknown key 'exec'" "$(plan "${REFUSE/\"fault\"/\"exec\": \"id\", \"fault\"}")"
refuse_body 400 invalid "scope: cgroup '/../etc' is no path below the cgroup mount like '/a/b'" \
	"$(plan "$REFUSE" '{"scope": {"cgroups": ["/../etc"], "units": []}}')"
head -c 2000000 /dev/zero | tr '\0' ' ' >"$TESTBED_DIR/large"
api POST /runs "@$TESTBED_DIR/large"
expect_refused 400 invalid "a body over the limit of 1 MiB" "2 MB of blanks"

# call METHOD TARGET: the target as it is written.
call() {
	reply=$(curl --silent --path-as-is --max-time 5 --unix-socket "$TESTBED_SOCKET" --request "$1" \
		--write-out '\n%{http_code}' "http://faultd$2") || fail "$1 $2: curl's $?"
	code=${reply##*$'\n'}
	reply=${reply%$'\n'*}
}
arm "$(plan "$REFUSE")"
for target in /v1/runs/../../etc/passwd /v1/runs/..%2f..%2fetc/renew "/v1/runs/${run^^}x/renew" \
	"/v1/runs/$run/renew/" "/v1/runs/$run/../renew" /v1/runs//renew "/v1/runs/${run:0:15}/renew" \
	"/v1/runs/${run}0/renew" /v1/runs/%00 / /v2/status /v1/status/ "/v1/runs/0000000000000000/renew"; do
	call POST "$target"
	assert_eq "$code $(field .code)" "404 not-found" "POST $target"
done
for method in PUT PATCH DELETE OPTIONS POST FAULT; do
	call "$method" /v1/status
	[[ $code == 404 || $code == 405 ]] || fail "$method /v1/status: $code"
done
call GET "/v1/runs/$run/inject"
[[ $code == 404 || $code == 405 ]] || fail "GET of an inject: $code"
for body in '' '{}' '{"faults": []}' '{"faults": ["f"]}' '{"faults": ["f"], "for_ns": 0}' \
	'{"faults": ["f"], "for_ns": -1}' '{"faults": "f", "for_ns": 1}' \
	'{"faults": ["f"], "for_ns": 1e9}' '{"faults": ["f"], "for_ns": 1, "run": 1}'; do
	api POST "/runs/$run/inject" "$body"
	assert_eq "$code $(field .code)" "400 invalid" "an inject of $body"
done
api POST "/runs/$run/inject" '{"faults": ["g"], "for_ns": 1000000000}'
assert_eq "$code $(field .error)" "404 the run has no fault 'g'" "an inject of another fault"
renew
assert_eq "$(http_code "http://$TESTBED_SHARED4/fast" -H 'Host: registry.example')" 200 \
	"after all that was refused"
disarm
stop_daemon
bpf_left

echo "requests: whatever was no request was refused, and the daemon went on"

# refuse_policy TEXT: the daemon does not start by this policy, and says so in one line.
refuse_policy() {
	local output status=0

	output=$(client_in daemon timeout 5 "$BUILD/faultd" --socket "$TESTBED_SOCKET" --policy "$policy" \
		--cgroup-root "$TESTBED_CGROUP" 2>&1) || status=$?
	assert_eq "$status" 1 "exit code by the policy '$1'"
	assert_eq "$output" "<3>faultd: $policy$1" "what it says"
	[[ ! -e $TESTBED_SOCKET ]] || fail "a socket is left"
}
owner=": must belong to root and not be writable by group or others"
chmod 664 "$policy"
refuse_policy "$owner"
chmod 646 "$policy"
refuse_policy "$owner"
chmod 644 "$policy"
chown nobody "$policy"
refuse_policy "$owner"
chown root "$policy"
echo "version: 1
longest duration: 15" >"$policy"
refuse_policy ":2:1: longest duration: '15' is no duration like 30m"
echo "users: [no-such-user]" >"$policy"
refuse_policy ":1:1: users: there is no user 'no-such-user'"
echo "policy: not followed when others could have written it, or when it is wrong"
