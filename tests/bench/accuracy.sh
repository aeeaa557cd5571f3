#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints how exactly shares, losses, overloads, stalls and shapes keep to what was asked, one line
# for each: what was asked, what came, what is allowed, and whether it is inside. Exits 1 when some
# line is not. Of the binomial lines one in a hundred is outside by chance; SEED=N repeats a run's
# draws.
. "$(dirname "$0")/../system/lib.sh"
need jq python3 curl wrk
setup
start_daemon

readonly TRIALS=20000
readonly SEGMENT=65536
readonly BENCH=$source_tree/tests/bench
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
out=$TESTBED_DIR/out
outside=0
match='"match": {"protocols": ["tcp"], "ports": ["80"], "prefixes": ["'"$TESTBED_SOLO4/32"'"]}'
answer='"answer": {"status": 503, "reason": "Service Unavailable", "headers": "",
	"body_base64": ""}'

# line WHAT ASKED CAME ALLOWED INSIDE: INSIDE is a Python expression.
line() {
	local word=inside

	python3 -c "exit(not ($5))" || word=OUTSIDE outside=1
	printf '%-42s %16s %16s  %-22s %s\n' "$1" "$2" "$3" "$4" "$word"
}

# binomial WHAT PPM HITS TRIALS: holds HITS against the 99 % interval of a binomial.
binomial() {
	local low high

	read -r low high < <(python3 -c "
p, n = $2 / 1e6, $4
off = 2.5758 * (n * p * (1 - p)) ** 0.5
print(round(n * p - off), round(n * p + off))")
	line "$1" "$(($2 * $4 / 1000000)) of $4" "$3" "$low to $high" "$low <= $3 <= $high"
}

arm_with() {
	arm "$(plan "$1" "{\"seed\": $seed}")"
}

share_of_connections() {
	local hits

	arm_with '{"fault": "f", "effect": "refuse", "share_ppm": '"$1, $match"'}'
	inject f 120
	client "$CLIENTS/attempt.py" --count "$TRIALS" tcp "$TESTBED_SOLO4" 80 >"$out"
	hits=$(awk '/ECONNREFUSED/ { print $1 }' "$out")
	binomial "share $(($1 / 10000)) % of connections, refuse" "$1" "$hits" "$TRIALS"
	disarm
}

share_of_requests() {
	local codes=()

	arm_with '{"fault": "f", "effect": "answer", "share_ppm": '"$1, $answer, $match"'}'
	inject f 120
	mapfile -t codes < <(client curl --silent --output /dev/null --write-out '%{http_code}\n' \
		"http://$TESTBED_SOLO4/fast?[1-$TRIALS]" | grep 503)
	binomial "share $(($1 / 10000)) % of requests, answer" "$1" "${#codes[@]}" "$TRIALS"
	disarm
}

loss() {
	local came receiver

	arm_with '{"fault": "f", "effect": "loss", "loss_ppm": '"$1"', "match": {"protocols": ["udp"],
		"ports": ["9999"], "prefixes": ["'"$TESTBED_UDP4/32"'"]}}'
	inject f 120
	services "$BENCH/datagrams.py" receive "$TESTBED_UDP4" 9999 >"$out" &
	receiver=$!
	await 5 grep -q ready "$out"
	client "$BENCH/datagrams.py" send "$TESTBED_UDP4" 9999 "$TRIALS"
	wait "$receiver"
	came=$(tail -n 1 "$out")
	binomial "loss $(($1 / 10000)) % of datagrams" "$1" "$((TRIALS - came))" "$TRIALS"
	assert_eq "$(counter f packets)" "$((TRIALS - came))" "datagrams lost as the kernel counts"
	disarm
}

# shellcheck disable=SC2317 # await calls it
asked() {
	(($(counter f requests) > 0))
}

# overload CAPACITY BURST SECONDS
overload() {
	local expected=$(($1 * $3 + $2)) admitted

	arm_with '{"fault": "f", "effect": "overload", "capacity": '"$(($1 * 1000))"', "burst": '"$2"',
		"reject_cost_millionths": 0, "reject": "answer", '"$answer, $match"'}'
	spawn wrk --threads 1 --connections 8 --duration $(($3 + 2))s "http://$TESTBED_SOLO4/fast" \
		>/dev/null
	await 5 asked
	inject f "$3"
	wait "$spawned"
	admitted=$(reason_count f admitted)
	line "overload $1/s, burst $2, over $3 s" "$expected" "$admitted" "1 %" \
		"abs($admitted - $expected) * 100 <= $expected"
	disarm
}

# stalls AFTER COUNT: how late COUNT downloads at once fall silent.
stalls() {
	local i pids=() late

	arm_with '{"fault": "f", "effect": "stall", "after": '"$1, $match"'}'
	inject f 120
	for ((i = 0; i < $2; i++)); do
		client "$CLIENTS/download.py" --timeout 20 "$TESTBED_SOLO4" 80 /random.bin \
			>"$out.$i" &
		pids+=($!)
	done
	for ((i = 0; i < $2; i++)); do
		await 20 grep -q silent "$out.$i"
	done
	late=$(awk -v after="$1" '$1 == "silent" { print $2 - after }' "$out".* | sort -n)
	lift
	wait "${pids[@]}"
	line "stall after $1 bytes, $2 at once" "$1" "+$(head -n 1 <<<"$late") to +$(tail -n 1 <<<"$late")" \
		"one segment, $SEGMENT" \
		"0 <= $(head -n 1 <<<"$late") and $(tail -n 1 <<<"$late") <= $SEGMENT"
	assert_eq "$(awk '$1 == "done" { print $3 }' "$out".* | sort -u)" "$digest" "what came"
	rm "$out".*
	disarm
}

# shape NAME JSON ARGUMENT...: how far the shape could be shifted in time for what probes saw.
shape() {
	local count hits unexplained earliest latest

	arm_with '{"fault": "f", "effect": "refuse", "shape": '"$2, $match"'}'
	: >"$out"
	spawn "$CLIENTS/connects.py" --seconds 5 --every 0.0004 "$TESTBED_SOLO4" 80 >"$out"
	await 10 test -s "$out"
	inject f 4
	wait "$spawned"
	read -r count hits unexplained earliest latest < <("$CLIENTS/shape.py" --seed "$seed" \
		--starts "$(field .starts_at_ns)" --ends "$(field .ends_at_ns)" "${@:3}" <"$out")
	line "$1, $count probes" "0 ms" "$earliest to $latest ms" "5 ms, all explained" \
		"$unexplained == 0 and -5 <= $earliest <= $latest <= 5"
	disarm
}

head -c 4194304 /dev/urandom >"$TESTBED_WWW/random.bin"
read -r digest _ < <(sha256sum "$TESTBED_WWW/random.bin")
printf 'seed %s, %s\n%-42s %16s %16s  %s\n' "$seed" "$(uname -sr)" what asked came allowed
share_of_connections 10000
share_of_connections 300000
share_of_requests 300000
share_of_requests 900000
loss 50000
loss 300000
overload 20 20 10
overload 200 200 5
overload 2000 2000 5
stalls 100000 20
stalls 1048576 10
shape "ramp 0 % to 100 % over 4 s" '{"ramp": {"from_ppm": 0, "to_ppm": 1000000, "over_ns": 4000000000}}' \
	--ramp 0 1000000 4000000000
shape "flap 50 % of 200 ms" '{"flap": {"period_ns": 200000000, "duty_ppm": 500000}}' \
	--flap 200000000 500000
stop_daemon
exit "$outside"
