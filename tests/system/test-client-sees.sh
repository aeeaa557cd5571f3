#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: curl ends under each effect with the exit code that docs/effects.md says, and every effect
# stands there. Downloads that are dropped, lossy, stalled or throttled in their middle are whole
# after the lift, byte for byte (SHA-256).
. "$(dirname "$0")/lib.sh"
need curl jq
setup

scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
http='"match": {"protocols": ["tcp"], "ports": ["80"], "prefixes": ["'"$TESTBED_SOLO4"'/32", "'"$TESTBED_SOLO6"'/128"]}'
https=${http/80/443}
query='"match": {"protocols": ["udp"], "names": ["solo.example"]}'
busy='"answer": {"status": 503, "headers": "", "body_base64": ""}'
overload='"effect": "overload", "capacity": 1, "burst": 1, '$http
declare -A rules=(
	[refuse]="\"effect\": \"refuse\", $http"
	[unreachable]="\"effect\": \"unreachable\", $http"
	[drop]="\"effect\": \"drop\", $http"
	['loss: 100%']="\"effect\": \"loss\", \"loss_ppm\": 1000000, $http"
	[hang]="\"effect\": \"hang\", $http"
	['answer: {status: 503}']="\"effect\": \"answer\", $busy, $http"
	['alert: unrecognized_name']="\"effect\": \"alert\", \"alert\": 112, $https"
	['stall: {after: 1MiB}']="\"effect\": \"stall\", \"after\": 1048576, $http"
	['overload, by refuse']="\"reject\": \"refuse\", $overload"
	['overload, by hang']="\"reject\": \"hang\", $overload"
	['overload, by answer']="\"reject\": \"answer\", $busy, $overload"
	['reset: connect']="\"effect\": \"reset\", \"at\": \"connect\", $http"
	['reset: request']="\"effect\": \"reset\", \"at\": \"request\", $http"
	['reset: live']="\"effect\": \"reset\", \"at\": \"live\", $http"
	['cut: {after: 1MiB}']="\"effect\": \"cut\", \"after\": 1048576, $http"
	['rate: 40Mbit/s']="\"effect\": \"rate\", \"rate\": 5000000, $http"
	['dns: nxdomain']="\"effect\": \"dns\", \"dns\": \"nxdomain\", $query"
	['dns: servfail']="\"effect\": \"dns\", \"dns\": \"servfail\", $query"
	['dns: refused']="\"effect\": \"dns\", \"dns\": \"refused\", $query"
	['dns: drop']="\"effect\": \"dns\", \"dns\": \"drop\", $query"
)

# The table of the documentation: `| EFFECT | CODE | ...`, or `7 or 56`, under its heading.
declare -A documented=()
while IFS='|' read -r _ effect code _; do
	effect=${effect// \`/} effect=${effect//\` /} documented[$effect]=${code// /}
done < <(sed -n '/^## What curl says/,/^## By/s/^| `/&/p' "$source_tree/docs/effects.md")
assert_eq "$(printf '%s\n' "${!documented[@]}" | sort)" "$(printf '%s\n' "${!rules[@]}" | sort)" \
	"effects of the table in docs/effects.md"

start_daemon
head -c 4000000 /dev/urandom >"$TESTBED_WWW/random.bin"
for effect in "${!rules[@]}"; do
	url=http://solo.example/random.bin
	[[ ${rules[$effect]} != *'"443"'* ]] || url=${url/http/https}
	arm "$(plan '{"fault": "f", '"${rules[$effect]}"'}' "$scope")"
	client curl --silent --fail --output /dev/null "${url%random.bin}" || fail "$effect: armed"
	inject f 60
	[[ $effect != overload* ]] || # it admits one
		client curl --silent --fail --output /dev/null "$url" || fail "$effect: none is admitted"
	code=0
	seen=$(client curl --silent --fail --output /dev/null --max-time 3 --connect-timeout 3 \
		--write-out '%{errormsg}, HTTP %{response_code}, %{size_download} bytes' "$url") || code=$?
	echo "$effect: curl exits $code: $seen"
	[[ or${documented[$effect]}or == *or"$code"or* ]] ||
		fail "$effect: curl's exit is $code, and not ${documented[$effect]}"
	disarm
done

# Four downloads on one address, each with a fault of its own in its middle.
head -c 1000000 /dev/urandom >"$TESTBED_WWW/middle.bin"
read -r digest _ < <(sha256sum "$TESTBED_WWW/middle.bin")
declare -A fault_of=([packages.blob]=drop [images.blob]=loss [registry]=stall [status]=rate) pids=()
declare -A keys=([drop]='"share_ppm": 1000000' [loss]='"loss_ppm": 500000' [stall]='"after": 400000'
	[rate]='"rate": 50000')
all=()
for name in "${!fault_of[@]}"; do
	fault=${fault_of[$name]}
	all+=('{"fault": "'"$fault"'", "effect": "'"$fault"'", '"${keys[$fault]}"',
		"match": {"protocols": ["tcp"], "ports": ["80"], "names": ["'"$name"'.example"]}}')
done
got() {
	stat --format %s "$TESTBED_DIR/$1" 2>/dev/null || echo 0
}
has_begun() {
	(($(got "$1") > 0))
}
arm "$(plan "$(IFS=, && echo "${all[*]}")" "$scope")"
client getent ahosts packages.blob.example images.blob.example >/dev/null
for name in "${!fault_of[@]}"; do
	spawn curl --silent --no-buffer --max-time 60 --output "$TESTBED_DIR/$name" \
		"http://$name.example/slow/middle.bin"
	pids[$name]=$spawned
done
for name in "${!fault_of[@]}"; do
	await 5 has_begun "$name"
done
inject drop,loss,stall,rate 60
sleep 2
declare -A held=()
for name in "${!fault_of[@]}"; do
	held[$name]=$(got "$name")
	((held[$name] < 1000000)) || fail "${fault_of[$name]}: the download was over before the lift"
done
lift
for name in "${!fault_of[@]}"; do
	wait "${pids[$name]}" || fail "${fault_of[$name]}: curl's $?"
	read -r whole _ < <(sha256sum "$TESTBED_DIR/$name")
	assert_eq "$whole" "$digest" "${fault_of[$name]}: SHA-256 of the download"
	echo "${fault_of[$name]}: ${held[$name]} bytes at the lift, then whole, SHA-256 $whole"
	(($(counter "${fault_of[$name]}" hits) > 0)) || fail "${fault_of[$name]}: no hits"
done
disarm
stop_daemon
bpf_left
