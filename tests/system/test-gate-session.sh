#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# The gate's session library between real clients and a real nginx, without the kernel's part: one
# path is answered by a rule inside TLS, everything else comes from the real server unchanged.
. "$(dirname "$0")/lib.sh"
need nginx openssl curl wget python3 node java unshare
((EUID == 0)) || skip "needs root"

# Everything runs in a network namespace of its own, in which one.test is 127.0.0.1.
if [[ -z ${GATE_SESSION_INSIDE:-} ]]; then
	exec unshare --net --mount --propagation private -- env GATE_SESSION_INSIDE=1 "$0" "$@"
fi

work=$(mktemp -d)
pids=()
gate_pid=
finish() {
	local pid

	trap - EXIT
	for pid in "${pids[@]}" $gate_pid; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# listening PORT...: waits until something listens on each.
listening() {
	local port tries

	for port; do
		for ((tries = 0; tries < 200; tries++)); do
			[[ -z $(ss -Htln "sport = :$port") ]] || break
			sleep 0.05
		done
		((tries < 200)) || fail "nothing listens on port $port"
	done
}

# make_server_certificate: what the real servers show, and a CA of their own.
make_server_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-keyout "$work/real.key" -out "$work/real.pem" -subj /CN=real \
		-addext subjectAltName=DNS:one.test,DNS:other.test 2>/dev/null
}

# server PORT [LINE...]: one nginx server block.
server() {
	printf 'server { listen 127.0.0.1:%s; server_name one.test; root %s/www;' "$1" "$work"
	printf ' ssl_certificate %s/real.pem; ssl_certificate_key %s/real.key;' "$work" "$work"
	printf ' add_header X-Served-By real; %s }\n' "${*:2}"
}

start_servers() {
	mkdir "$work/www"
	head -c 100000000 /dev/urandom >"$work/www/big"
	echo small >"$work/www/index.html"
	{
		printf 'user root; worker_processes 1; daemon off; pid %s/nginx.pid;\n' "$work"
		printf 'error_log %s/nginx.log; events { worker_connections 512; }\n' "$work"
		printf 'http { access_log off; default_type text/plain; keepalive_requests 100000;\n'
		for kind in client_body proxy fastcgi uwsgi scgi; do
			printf '%s_temp_path %s/temp;' "$kind" "$work"
		done
		server "8443 ssl http2"
		server "8444 ssl" # no h2
		server "8445 ssl http2" "ssl_verify_client on; ssl_client_certificate $work/real.pem;"
		server "8446 ssl" "keepalive_requests 3; ssl_protocols TLSv1.2;"
		printf '}\n'
	} >"$work/nginx.conf"
	nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.log" &
	pids+=($!)
	"$CLIENTS/sink.py" 8447 "$work/real.pem" "$work/real.key" 2>/dev/null &
	pids+=($!)
	listening 8443 8444 8445 8446 8447
}

# gate UPSTREAM-PORT [ARGUMENT...]: starts the gate on port 443.
gate() {
	"$BUILD/tests/harness/gate-session" --listen 443 --upstream "$1" --key "$work/ca/ca.key" \
		--certificate "$work/ca/ca.pem" --trust "$work/real.pem" "${@:2}" >"$work/gate" &
	gate_pid=$!
	listening 443
}

# end_gate: stops it, so that it prints its counts.
end_gate() {
	kill "$gate_pid"
	wait "$gate_pid" || fail "the gate ended with status $?"
	gate_pid=
}

# events NAME: how many the gate counted.
events() {
	sed -n "s/^$1 //p" "$work/gate"
}

# get PATH [CURL ARGUMENT...]: curl's output.
get() {
	curl --silent --show-error --max-time 30 "${@:2}" "https://one.test$1" 2>&1
}

# list PATH COUNT: a list for the clients.
list() {
	local i

	for ((i = 0; i < $2; i++)); do
		echo "GET https://one.test$1 0"
	done
}

ip link set lo up
printf '127.0.0.1 localhost one.test other.test outside.example\n' >"$work/hosts"
# There need not be one to mount it on.
cp -a /etc "$work/etc"
rm -f "$work/etc/hosts"
cp "$work/hosts" "$work/etc/hosts"
mount --bind "$work/etc" /etc
"$BUILD/faultctl" ca init --directory "$work/ca" one.test >/dev/null
assert_eq "$(stat -c %a "$work/ca/ca.key" "$work/ca/ca.pem" | tr '\n' ' ')" "400 644 " modes
make_server_certificate
start_servers
export SSL_CERT_FILE=$work/ca/ca.pem CURL_CA_BUNDLE=$work/ca/ca.pem
export NODE_EXTRA_CA_CERTS=$work/ca/ca.pem
printf '<Error><Code>PublicAccessNotPermitted</Code></Error>' >"$work/body"
blocked=(--rule --path /artifacts/ --status 409
	--reason "Public access is not permitted on this storage account."
	--header "x-ms-error-code: PublicAccessNotPermitted" --header "Content-Type: application/xml"
	--body "$work/body")

# One path is answered with status, headers and body; the others come from the real server.
gate 8443 "${blocked[@]}"
for version in 1.1 2; do
	answer=$(get /artifacts/a --include "--http$version" | tr -d '\r')
	assert_eq "${answer,,}" "http/$version 409 $([[ $version == 2 ]] ||
		echo "public access is not permitted on this storage account.")
x-ms-error-code: publicaccessnotpermitted
content-type: application/xml
content-length: 52

<error><code>publicaccessnotpermitted</code></error>" "409 over $version"
	assert_eq "$(get / "--http$version" --write-out '%header{x-served-by}')" "small
real" "real over $version"
	assert_eq "$(get /big "--http$version" | sha256sum)" \
		"$(sha256sum <"$work/www/big")" "100 MB over $version"
done
list /artifacts/a 300 >"$work/list"
list / 300 >>"$work/list"
for runtime in curl wget python node java; do
	assert_eq "$("$CLIENTS/run.sh" "$runtime" "$work/list" | sort | uniq -c | tr -s ' \n' ' ')" \
		" 300 200 real 6 300 409 - 52 " "$runtime"
done
list /artifacts/a 1000 | sed 's/^GET /url=/; s/ 0$/\noutput=\/dev\/null/' >"$work/config"
assert_eq "$(curl --silent --no-progress-meter --parallel --http2 --config "$work/config" \
	--write-out '%{http_version} %{http_code}\n' | sort | uniq -c | tr -s ' ')" " 1000 2 409" h2
end_gate
assert_eq "$(events answered)" 2502 answered
assert_eq "$(events forwarded)" 1504 forwarded
assert_eq "$(events upstream-failed)" 0 "upstream failed"
assert_between "$(events most-bytes)" 1 $((48 << 20)) "resident memory"

# h2 for the client and HTTP/1.1 for the server; a server that ends connections every three requests.
gate 8444
assert_eq "$(get /big --http2 | sha256sum)" "$(sha256sum <"$work/www/big")" "100 MB, h2 on 1.1"
end_gate
gate 8446
list / 200 >"$work/list"
for runtime in curl python node java; do
	assert_eq "$("$CLIENTS/run.sh" "$runtime" "$work/list" | sort | uniq -c | tr -s ' ')" \
		" 200 200 real 6" "$runtime on short connections"
done
end_gate
assert_eq "$(events upstream-failed)" 0 "upstream failed on short connections"

# Bodies of requests, to the real server and to a rule, by length and in chunks.
gate 8447 "${blocked[@]}"
for version in 1.1 2; do
	assert_eq "$(get /x "--http$version" --upload-file "$work/www/big")" \
		"$(sha256sum <"$work/www/big" | cut -c 1-64)" "upload over $version"
	assert_eq "$(get /x "--http$version" --upload-file - <"$work/www/big")" \
		"$(sha256sum <"$work/www/big" | cut -c 1-64)" "upload of unknown length over $version"
	assert_eq "$(get /artifacts/a "--http$version" --header Expect: --output /dev/null \
		--data-binary "@$work/www/big" --write-out '%{http_code} %{exitcode}')" "409 0" \
		"answered upload over $version"
done
end_gate
assert_between "$(events most-bytes)" 1 $((48 << 20)) "resident memory after uploads"

# TLS: versions, sessions taken up again, ClientHellos that are large and come in pieces.
gate 8443 "${blocked[@]}"
for version in tls1_2 tls1_3; do
	assert_contains "$( (sleep 1; echo Q) | openssl s_client "-$version" -connect one.test:443 \
		-servername one.test -CAfile "$SSL_CERT_FILE" -verify_return_error \
		-sess_out "$work/session" 2>&1)" "Verify return code: 0 (ok)" "$version"
	assert_contains "$( (sleep 1; echo Q) | openssl s_client "-$version" -connect one.test:443 \
		-servername one.test -CAfile "$SSL_CERT_FILE" -sess_in "$work/session" 2>&1)" \
		"Reused, TLSv1" "$version again"
done
read -r version size status <<<"$("$CLIENTS/hello.py" one.test 443 100000 78 /artifacts/)"
assert_eq "$version $status" "TLSv1.3 409" "large ClientHello"
assert_between "$size" 15800 16384 "bytes of the ClientHello"
read -r version _ status <<<"$("$CLIENTS/hello.py" one.test 443 1 5 /artifacts/)"
assert_eq "$version $status" "TLSv1.3 409" "byte by byte"
end_gate
assert_eq "$(events resumed)" 2 resumed

# Wrong on purpose; who looks away gets the real server.
for kind in "expired|certificate has expired" "untrusted|unable to get local issuer" \
	"wrong-name|no alternative certificate subject name matches"; do
	gate 8443 --rule --show "${kind%|*}"
	assert_contains "$(get / || true)" "${kind#*|}" "${kind%|*}"
	assert_eq "$(get / --insecure)" small "${kind%|*}, not verified"
	end_gate
	assert_eq "$(events certificate)" 2 "${kind%|*}: certificates"
done

# Clients that do not trust the authority, and names that it is not for.
gate 8443
assert_contains "$(get / --cacert "$work/real.pem" || true)" "local issuer certificate" "no trust"
assert_contains "$(curl --silent --show-error https://outside.example/ 2>&1 || true)" \
	"permitted subtree violation" "name outside"
end_gate
assert_eq "$(events distrusted)" 2 distrusted

# What cannot be forwarded says why, on a connection that stays.
for case in "8445|it asks for a client certificate, which is not supported where TLS is terminated: only the client has its key|upstream-asks-certificate" \
	"9|Connection refused|upstream-failed"; do
	IFS='|' read -r port why event <<<"$case"
	gate "$port"
	for version in 1.1 2; do
		assert_eq "$(get / "--http$version" --write-out '%{http_code}')" \
			"faultd: the real server cannot be asked: $why
502" "$event"
	done
	end_gate
	assert_eq "$(events "$event")" 2 "$event"
done
gate 8443 --trust "$work/ca/ca.pem"
assert_contains "$(get /)" "the real server cannot be asked: self-signed certificate" "untrusted"
end_gate
assert_eq "$(events upstream-untrusted)" 1 "upstream untrusted"

# Time: a drip of 100 kB/s, a delay of 300 ms.
head -c 200000 /dev/zero >"$work/www/slow"
gate 8443 --rule --path /slow --drip 100000 --rule --path / --delay 300
for version in 1.1 2; do
	read -r took size <<<"$(get /slow "--http$version" --output /dev/null \
		--write-out '%{time_total} %{size_download}')"
	assert_eq "$size" 200000 "dripped over $version"
	took=${took/./}
	assert_between "$((10#$took / 1000))" 1900 2500 "ms of the drip over $version"
	took=$(get / "--http$version" --output /dev/null --write-out '%{time_starttransfer}')
	took=${took/./}
	assert_between "$((10#$took / 1000))" 300 600 "ms of the delay over $version"
done
end_gate
