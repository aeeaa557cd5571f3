#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Promise: a name whose real server asks for client certificates is said not to be supported where TLS
# is terminated, in the response, in the counters and in the log; its faulted path is answered all the
# same, and without a rule that terminates TLS the client's certificate does what it always did.
. "$(dirname "$0")/lib.sh"
need curl jq openssl nginx
setup
readonly NAME=media.blob.example
authority=$TESTBED_DIR/ca
trusted=$TESTBED_DIR/trusted.crt

# certificate FILE SUBJECT EXTENSION: one of the testbed's authority.
certificate() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
		-keyout "$TESTBED_DIR/$1.key" -out "$TESTBED_DIR/$1.csr" 2>/dev/null
	openssl x509 -req -in "$TESTBED_DIR/$1.csr" -CA "$TESTBED_CA" -CAkey "$TESTBED_DIR/ca.key" \
		-days 2 -out "$TESTBED_DIR/$1.crt" -extfile <(printf '%s\n' "$3") 2>/dev/null
}

start_server() {
	certificate strict strict "subjectAltName=DNS:$NAME"
	certificate person person "extendedKeyUsage=clientAuth"
	cat >"$TESTBED_DIR/strict.conf" <<-END
		daemon off; user root; worker_processes 1; pid $TESTBED_DIR/strict.pid;
		error_log $TESTBED_DIR/strict.log; events { worker_connections 64; }
		http {
			access_log off;
			$(printf "%s_temp_path $TESTBED_DIR/strict-temp; " client_body proxy fastcgi uwsgi scgi)
			server {
				listen $TESTBED_UDP4:443 ssl http2;
				ssl_certificate $TESTBED_DIR/strict.crt;
				ssl_certificate_key $TESTBED_DIR/strict.key;
				ssl_client_certificate $TESTBED_CA;
				ssl_verify_client on;
				location / { return 200 "\$ssl_client_s_dn\\n"; }
			}
		}
	END
	services nginx -c "$TESTBED_DIR/strict.conf" -e "$TESTBED_DIR/strict.log" -p "$TESTBED_DIR" &
}

server_listens() {
	[[ -n $(services ss -Htln "src $TESTBED_UDP4:443") ]]
}

# get PATH [CURL-ARGUMENT...]: body and status for a client that shows its certificate.
get() {
	client curl --silent --show-error --max-time 20 --cacert "$trusted" \
		--cert "$TESTBED_DIR/person.crt" --key "$TESTBED_DIR/person.key" \
		--write-out '%{http_code}' "${@:2}" "https://$NAME$1" 2>&1 || true
}

# rule FAULT EFFECT-KEYS
rule() {
	printf '{"fault": "%s", "match": {"protocols": ["tcp"], "ports": ["443"], "names": ["%s"] %s},
		%s}' "$1" "$NAME" "$2" "$3"
}

readonly SERVED=$'CN=person\n200'
readonly WORDS="the real server cannot be asked: it asks for a client certificate, which is not \
supported where TLS is terminated: only the client has its key"
answer='"answer": {"status": 409, "reason": "Conflict", "headers": "", "body_base64": ""}'
"$BUILD/faultctl" ca init --directory "$authority" "$NAME" >/dev/null
cat "$TESTBED_CA" "$authority/ca.pem" >"$trusted"
start_server
await 5 server_listens
start_daemon --authority "$authority" --trust "$TESTBED_CA"
assert_eq "$(get /)" "$SERVED" "without a rule"
assert_contains "$(get / --cert '' --key '')" "No required SSL certificate was sent" "without a certificate"

# TLS is terminated.
arm "$(plan "$(rule denied ', "http": true, "paths": ["/denied"]' \
	'"effect": "answer", "tls": "terminate", '"$answer")")"
assert_eq "$(get /)" "$SERVED" "before the inject"
inject denied 60
for version in --http1.1 --http2 "--tls-max 1.2"; do
	# shellcheck disable=SC2086 # one may be two words
	assert_eq "$(get / $version)" "faultd: $WORDS"$'\n502' "$version"
done
assert_eq "$(get / --output /dev/null --write-out '%header{faultd-gate}')" "$WORDS" "its field"
assert_eq "$(get /denied)" 409 "the faulted path"
is_counted() {
	[[ $(counter denied hits) == 1 ]]
}
await 5 is_counted
assert_eq "$(reason_count denied client-certificate)" 4 "requests that were told"
assert_eq "$(reason_count denied upstream-failed)" 0 "counted as another failure"
assert_eq "$(grep -c 'asks for a client certificate.*(client-certificate)' "$TESTBED_DIR/faultd.log")" 1 \
	"lines in the log"
lift
assert_eq "$(get /)" "$SERVED" "after the lift"
disarm

# TLS stays the client's and the server's.
arm "$(plan "$(rule slow '' '"effect": "delay", "delay": {"time_ns": 50000000}'),
	$(rule hidden ', "http": true, "paths": ["/denied"]' '"effect": "answer", '"$answer")")"
inject slow,hidden 60
assert_eq "$(get /)" "$SERVED" "without a rule that terminates TLS"
assert_between "$(counter slow hits)" 1 10 "delayed all the same"
disarm
stop_daemon
bpf_left
