#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Promise: a fault for a process name, a user or a network namespace touches those connections and no
# other, at the connect, in the message, and packet by packet, as match and as scope; both together
# must hold; what does not exist is refused.
. "$(dirname "$0")/lib.sh"
need curl jq python3 setpriv nsenter
setup
start_daemon

readonly HOST_NS=/run/netns/faultd-$testbed-host SERVICES_NS=/run/netns/faultd-$testbed-svc
for file in "$HOST_NS" "$SERVICES_NS"; do
	[[ -e $file ]] || fail "$file is not there"
done
url=http://$TESTBED_SHARED4/

as_curl() {
	client curl --silent --output /dev/null --max-time 2 --header 'Host: registry.example' --write-out '%{http_code}' "$url" || true
}
as_python() {
	client python3 -c '
import sys, urllib.request, urllib.error
try:
    print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Host":
        "registry.example"}), timeout=2).status, end="")
except urllib.error.HTTPError as error:
    print(error.code, end="")
except (urllib.error.URLError, TimeoutError):
    print("000", end="")' "$url"
}
as_user() {
	client setpriv --reuid "$1" --clear-groups curl --silent --output /dev/null --max-time 2 \
		--header 'Host: registry.example' --write-out '%{http_code}' "$url" || true
}
in_services() {
	client nsenter --net="$SERVICES_NS" curl --silent --output /dev/null --max-time 2 \
		--header 'Host: registry.example' --write-out '%{http_code}' "$url" || true
}
# seen: what each of them gets.
seen() {
	echo "$(as_curl) $(as_python) $(as_user 1234) $(as_user 1235) $(in_services)"
}
# rule EFFECT MATCH: for the shared address.
rule() {
	jq --null-input --compact-output --arg effect "$1" --argjson match "$2" \
		--arg shared "$TESTBED_SHARED4/32" '{fault: "f", effect: $effect, match: ({protocols:
		["tcp", (if $effect == "drop" then "udp" else empty end)], prefixes: [$shared]} + $match)}
		+ (if $effect == "answer" then {answer: {status: 503}} else {} end)'
}
# expect SEEN EFFECT MATCH [KEYS]
expect() {
	arm "$(plan "$(rule "$2" "$3")" "${4:-{\}}")"
	inject f 60
	assert_eq "$(seen)" "$1" "$2 $3 ${4:-}"
	disarm
	echo "$2 $3 ${4:-}: $1"
}

assert_eq "$(seen)" "200 200 200 200 200" "without a fault"
for effect in refuse:000 answer:503 drop:000; do
	hit=${effect#*:} effect=${effect%:*}
	expect "200 $hit 200 200 200" "$effect" '{"commands": ["python3"]}'
	expect "200 200 $hit 200 200" "$effect" '{"users": ["1234"]}'
	expect "200 200 200 200 $hit" "$effect" '{"namespaces": ["'"$SERVICES_NS"'"]}'
done
expect "000 200 000 000 000" refuse '{"commands": ["curl", "nothing"]}'
expect "200 200 000 000 200" refuse '{"users": ["1234", "1235"], "commands": ["curl"]}'
expect "000 000 000 000 200" refuse '{"namespaces": ["'"$(stat -Lc %i "$HOST_NS")"'"]}'
expect "200 200 000 200 200" refuse '{"namespaces": ["'"$HOST_NS"'"], "users": ["1234"]}'
expect "200 000 200 200 200" refuse '{}' '{"scope": {"commands": ["python3"]}}'
expect "200 200 000 200 200" refuse '{"commands": ["curl"]}' '{"scope": {"users": ["1234"]}}'
expect "200 200 200 000 200" refuse '{"users": ["1234", "1235"]}' '{"scope": {"users": ["1235"]}}'

# refused STATUS TEXT MATCH [KEYS]
refused() {
	api POST /runs "$(plan "$(rule refuse "$3")" "${4:-{\}}")"
	assert_eq "$code $(field .error)" "$1 $2" "$3 ${4:-}"
}
refused 422 "fault 'f': no user is in its match and in the scope" '{"users": ["1234"]}' \
	'{"scope": {"users": ["1235"]}}'
refused 422 "network namespace /run/netns/nothing: No such file or directory" \
	'{"namespaces": ["/run/netns/nothing"]}'
refused 422 "network namespace /etc/hostname: is none" '{"namespaces": ["/etc/hostname"]}'
refused 400 "fault f: 'x' is no uid that can be matched" '{"users": ["x"]}'

# Of connections that are open, the user is known and the process is not.
hold mine client "$TESTBED_SHARED4" 80 2
arm "$(plan "$(rule drop '{"users": ["0"]}')")"
inject f 60
assert_eq "$(field .existing_found)" 2 "open connections of root"
assert_eq "$(ask mine "request 0.4")" "2 silent" "open connections of root"
disarm
arm "$(plan "$(rule drop '{"commands": ["python3"]}')")"
inject f 60
assert_eq "$(field .existing_found)" 0 "open connections of a process"
disarm

# UDP, connected and not.
udp() {
	client python3 -c '
import socket, sys
address, connected = sys.argv[1], sys.argv[2] == "connected"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
    plain.settimeout(0.4)
    if connected:
        plain.connect((address, 5353))
        plain.send(b"x")
    else:
        plain.sendto(b"x", (address, 5353))
    try:
        print(plain.recv(10).decode())
    except TimeoutError:
        print("silent")' "$TESTBED_UDP4" "$1"
}
assert_eq "$(udp connected) $(udp free)" "x x" "udp without a fault"
for name in python3:silent curl:x; do
	arm "$(plan '{"fault": "f", "effect": "drop", "match": {"protocols": ["udp"],
		"ports": ["5353"], "commands": ["'"${name%:*}"'"]}}')"
	inject f 60
	for form in connected free; do
		assert_eq "$(udp "$form")" "${name#*:}" "udp $form, a rule for ${name%:*}"
	done
	disarm
done
echo "udp: by process, connected and not"
stop_daemon
bpf_left
