#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: a rule by name hits that name and no other. Names are known from look-ups at arming and
# from every DNS answer since, CNAMEs included, for their TTL and 30 s; where an address serves other
# names too, SNI and Host decide, however they are written.
. "$(dirname "$0")/lib.sh"
need curl jq openssl python3
setup
start_daemon

readonly TTL_NS=$((5 * SECOND_NS)) GRACE_NS=$((30 * SECOND_NS))

look_up() {
	client getent "$@" >/dev/null || fail "getent $*"
}

# tcp ADDRESS PORT, udp ADDRESS PORT: the outcome of one attempt.
tcp() {
	client "$CLIENTS/attempt.py" tcp "$@" | sed 's/^1 //'
}

udp() {
	client "$CLIENTS/attempt.py" udp "$@" | sed 's/^1 //'
}

# tls ADDRESS SNI: `ok`, the number of the alert, or what became of the ClientHello. Without SNI none
# is sent.
tls() {
	local host=$1 name=(-noservername) said

	[[ $host != *:* ]] || host=[$host]
	[[ -z ${2:-} ]] || name=(-servername "$2")
	said=$(client openssl s_client -brief -connect "$host:443" "${name[@]}" </dev/null 2>&1) || true
	sed -n 's/.*SSL alert number //p; s/^CONNECTION ESTABLISHED$/ok/p
		s/^write:errno=13$/EACCES/p' <<<"$said"
}

# http HOST [PROTOCOL]: the status of a GET to the shared address; no HOST, no such header.
http() {
	printf 'send GET / HTTP/%s\\r\\n%s\\r\\n\nresponses 1\n' "${2:-1.1}" "${1:+Host: $1\\r\\n}" |
		client "$CLIENTS/raw.py" "$TESTBED_SHARED4" 80 - | sed -n '1s/ .*//p'
}

# rule FAULT EFFECT PROTOCOL PORT NAME [KEYS]
rule() {
	printf '{"fault": "%s", "effect": "%s", "match": {"protocols": ["%s"], "ports": ["%s"],
		"names": ["%s"]}%s}' "$1" "$2" "$3" "$4" "$5" "${6:-}"
}

assert_eq "$(tcp "$TESTBED_SOLO4" 443)$(udp "$TESTBED_UDP4" 5353)" okok "before the run"
arm "$(plan "$(rule solo refuse tcp 443 solo.example),
	$(rule any refuse tcp 80 '*.blob.example'), $(rule blob refuse tcp 443 '*.blob.example'),
	$(rule alert alert tcp 443 '*.blob.example' ', "alert": 112'),
	$(rule answer answer tcp 80 '*.blob.example' ', "answer": {"status": 409}'),
	$(rule brief refuse udp 5353 '*.blob.example')")"
assert_eq "$(field '.resolved[] | "\(.name) \(.addresses | sort | join(" "))"')" \
	"solo.example $TESTBED_SOLO4 $TESTBED_SOLO6" "resolved at arming"
before_ns=$(now_ns)
look_up ahosts media.blob.example
after_ns=$(now_ns)
inject brief 300
assert_eq "$(udp "$TESTBED_UDP4" 5353)" "sendto ECONNREFUSED" "an answer learned a moment ago"

# Looked up at arming: no client of this run has asked for it.
inject solo 60
for address in "$TESTBED_SOLO4" "::ffff:$TESTBED_SOLO4" "$TESTBED_SOLO6"; do
	assert_eq "$(tcp "$address" 443)" "connect ECONNREFUSED" "solo.example at $address"
done
assert_eq "$(tcp "$TESTBED_SOLO4" 80)" ok "another port of solo.example"
assert_eq "$(reason_count solo address-only)" 3 "hits by address alone"
assert_eq "$(tls "$TESTBED_SHARED4" solo.example)" EACCES "its SNI at an address that no answer named"
lift solo
echo "resolved at arming: refused at the connect"

# Learned from answers: A and AAAA each for itself, and over a CNAME.
inject any 60
assert_eq "$(tcp "$TESTBED_SHARED4" 80)" ok "an address that no answer has named"
look_up ahostsv4 images.blob.example
assert_eq "$(tcp "$TESTBED_SHARED4" 80)" "connect ECONNREFUSED" "an address that an answer named"
assert_eq "$(tcp "$TESTBED_SHARED6" 80)" ok "its other family, which was not asked for"
assert_eq "$(reason_count any address-only)" 1 "hits by address alone"
lift any
inject blob 60
assert_eq "$(tcp "$TESTBED_SHARED6" 443)" ok "IPv6 before the CNAME"
look_up ahostsv6 artifacts.example
assert_eq "$(tcp "$TESTBED_SHARED6" 443)" "connect ECONNREFUSED" "learned from a CNAME's target"
lift blob
echo "learned from answers and CNAMEs: refused at the connect"

# Without a name in the stream an address is enough only while it is the name's own.
inject alert 60
assert_eq "$(tls "$TESTBED_SHARED4")" 112 "no SNI, an address of matching names alone"
assert_eq "$(reason_count alert address-only)" 1 "hits by address alone"
look_up ahosts registry.example
assert_eq "$(tls "$TESTBED_SHARED4")" ok "no SNI, a shared address"
assert_eq "$(tls "$TESTBED_SHARED6")" ok "no SNI, a shared address"

# SNI decides, however it is written.
for name in images.blob.example PACKAGES.Blob.EXAMPLE packages.blob.example. a.b.c.blob.example; do
	assert_eq "$(tls "$TESTBED_SHARED4" "$name")" 112 "SNI $name"
	assert_eq "$(tls "$TESTBED_SHARED6" "$name")" 112 "SNI $name"
done
for name in blob.example BLOB.EXAMPLE. xblob.example registry.example images.blob.example.org \
	images-blob.example artifacts.example; do
	assert_eq "$(tls "$TESTBED_SHARED4" "$name")" ok "SNI $name"
done
assert_eq "$(counter alert hits)" 9 "alerts"
assert_eq "$(reason_count alert address-only)" 1 "of them by address alone"
lift alert

# So does Host.
inject answer 60
for name in images.blob.example PACKAGES.Blob.EXAMPLE packages.blob.example. \
	images.blob.example:80 IMAGES.BLOB.EXAMPLE.:80 a.b.c.blob.example; do
	assert_eq "$(http "$name")" 409 "Host $name"
done
for name in registry.example status.example:80; do
	assert_eq "$(http "$name")" 200 "Host $name"
done
for name in blob.example xblob.example "$TESTBED_SHARED4" images.blob.example.org; do
	assert_eq "$(http "$name")" 404 "Host $name"
done
assert_eq "$(http "" 1.0)" 404 "no Host"
lift answer
echo "SNI and Host: 10 spellings hit, 14 other names passed"

# At a shared address the connect passes and the first message is stopped, of the name alone.
inject blob 60
before=$(reason_count blob shared-address)
assert_eq "$(tcp "$TESTBED_SHARED6" 443)" ok "a connect to a shared address"
assert_eq "$(curl_error https://images.blob.example/)" 35 "a name of the rule"
assert_eq "$(http_code https://registry.example/)" 200 "another name"
assert_between $(($(reason_count blob shared-address) - before)) 3 5 "connects left to the first message"
lift blob
renew

# The answer of the beginning holds for its TTL and the grace, and no longer.
has_passed() {
	(($(now_ns) >= $1))
}
await 40 has_passed $((before_ns + TTL_NS + GRACE_NS - SECOND_NS))
assert_eq "$(udp "$TESTBED_UDP4" 5353)" "sendto ECONNREFUSED" "within TTL and grace"
await 5 has_passed $((after_ns + TTL_NS + GRACE_NS + SECOND_NS / 20))
assert_eq "$(udp "$TESTBED_UDP4" 5353)" ok "after TTL and grace"
look_up ahosts media.blob.example
assert_eq "$(udp "$TESTBED_UDP4" 5353)" "sendto ECONNREFUSED" "looked up again"
# What was looked up at arming holds for the whole run.
inject solo 60
assert_eq "$(tcp "$TESTBED_SOLO4" 443)" "connect ECONNREFUSED" "solo.example at the end of the run"
disarm
echo "TTL of 5 s and 30 s of grace: refused until then, passed after"
stop_daemon
bpf_left
