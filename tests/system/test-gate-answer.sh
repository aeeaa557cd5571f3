#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# Promise: of four HTTPS names on one address one answers 409 by path, inside TLS, to every kind of
# client and over HTTP/1.1 and h2; its other paths come from the real server through the gate, byte
# by byte, and the other names never come near it.
. "$(dirname "$0")/lib.sh"
need curl jq openssl python3 node java wget
setup
authority=$TESTBED_DIR/ca
trusted=$TESTBED_DIR/trusted.crt

"$BUILD/faultctl" ca init --directory "$authority" packages.blob.example >/dev/null
cat "$TESTBED_CA" "$authority/ca.pem" >"$trusted"
start_daemon --authority "$authority" --trust "$TESTBED_CA"

readonly BODY='{"error":{"code":"PublicAccessNotPermitted"}}'
arm "$(plan '{"fault": "denied", "effect": "answer", "tls": "terminate",
	"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["packages.blob.example"],
		"http": true, "paths": ["/denied"]},
	"answer": {"status": 409, "reason": "Public access is not permitted on this storage account.",
		"headers": "x-ms-error-code: PublicAccessNotPermitted\r\nContent-Type: application/json\r\n",
		"body_base64": "'"$(printf '%s' "$BODY" | base64 -w 0)"'"}}')"
find_gate
[[ -n $gate_pid ]] || fail "there is no gate"

# fetch URL [CURL ARGUMENT...]: what a client gets that trusts both authorities.
fetch() {
	client curl --silent --show-error --max-time 20 --cacert "$trusted" "${@:2}" "$1"
}

# many COUNT PATH [CURL ARGUMENT...]: how often each status came on how many connections.
many() {
	fetch "https://packages.blob.example$2?[1-$1]" --output /dev/null \
		--write-out '%{http_version} %{http_code} %{num_connects}\n' "${@:3}" |
		awk '{ seen[$1 " " $2]++; connects += $3 } END {
			for (which in seen) print which, seen[which], connects }'
}

assert_eq "$(fetch https://packages.blob.example/denied --output /dev/null \
	--write-out '%{http_code}')" 404 "before the inject"
inject denied 200

said=$(fetch https://packages.blob.example/denied --http1.1 --include | tr -d '\r')
assert_contains "$said" "HTTP/1.1 409 Public access is not permitted on this storage account." "HTTP/1.1"
assert_contains "$said" $'\nx-ms-error-code: PublicAccessNotPermitted\n' "its header"
assert_eq "${said##*$'\n'}" "$BODY" "its body"
said=$(fetch https://packages.blob.example/denied --http2 --include | tr -d '\r')
assert_contains "$said" "HTTP/2 409" "h2"
assert_eq "${said##*$'\n'}" "$BODY" "its body"

assert_eq "$(many 2500 /denied --http1.1)" "1.1 409 2500 1" "curl, HTTP/1.1"
renew
assert_eq "$(many 2500 /denied --http2)" "2 409 2500 1" "curl, h2"
assert_eq "$(many 500 /denied --http2 --parallel --parallel-max 50)" "2 409 500 1" "curl, h2, 50 at a time"
assert_eq "$(many 20 /denied --http1.1 --header 'Connection: close')" "1.1 409 20 20" "one each"
assert_eq "$(many 20 /denied --tls-max 1.2)" "2 409 20 1" "TLS 1.2"
assert_eq "$(many 20 /denied -4)" "2 409 20 1" "IPv4"
assert_eq "$(many 20 /denied -6)" "2 409 20 1" "IPv6"
echo "curl: 409 over HTTP/1.1 and h2, TLS 1.2 and 1.3, IPv4 and IPv6"
renew

# python COUNT, node COUNT, java COUNT: statuses, by client libraries that keep the connection.
statuses_python() {
	client python3 - "$1" "$trusted" <<'END'
import collections, http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
connection = http.client.HTTPSConnection("packages.blob.example", context=context, timeout=10)
seen = collections.Counter()
for number in range(int(sys.argv[1])):
    connection.request("GET", "/denied/%d" % number)
    response = connection.getresponse()
    response.read()
    seen[response.status] += 1
print(*(f"{status} {count}" for status, count in seen.items()))
END
}

statuses_node() {
	client env NODE_EXTRA_CA_CERTS="$trusted" node --input-type=module - "$1" <<'END'
import https from "node:https";
const agent = new https.Agent({keepAlive: true, maxSockets: 4}), seen = {};
const one = (number) => new Promise((done, failed) => {
	https.get({host: "packages.blob.example", path: `/denied/${number}`, agent}, (response) => {
		seen[response.statusCode] = (seen[response.statusCode] ?? 0) + 1;
		response.resume().on("end", done);
	}).on("error", failed);
});
const all = [...Array(Number(process.argv[2])).keys()];
await Promise.all([0, 1, 2, 3].map(async () => { while (all.length) await one(all.pop()); }));
agent.destroy();
for (const status in seen) console.log(status, seen[status]);
END
}

statuses_java() {
	local store=$TESTBED_DIR/trusted.p12

	rm -f "$store"
	keytool -importcert -noprompt -alias faultd -file "$authority/ca.pem" -keystore "$store" \
		-storetype PKCS12 -storepass testbed 2>/dev/null
	cat >"$TESTBED_DIR/Statuses.java" <<'END'
import java.net.URI;
import java.net.http.*;
import java.util.*;

class Statuses {
	public static void main(String[] arguments) throws Exception {
		HttpClient client = HttpClient.newHttpClient();
		Map<String, Integer> seen = new TreeMap<>();
		for (int i = 0; i < Integer.parseInt(arguments[0]); i++) {
			URI uri = URI.create("https://packages.blob.example/denied/" + i);
			HttpResponse<String> response = client.send(HttpRequest.newBuilder(uri).build(),
				HttpResponse.BodyHandlers.ofString());
			seen.merge(String.valueOf(response.statusCode()), 1, Integer::sum);
		}
		seen.forEach((status, count) -> System.out.println(status + " " + count));
	}
}
END
	client java -Djavax.net.ssl.trustStore="$store" -Djavax.net.ssl.trustStorePassword=testbed \
		"$TESTBED_DIR/Statuses.java" "$1"
}

assert_eq "$(statuses_python 2000)" "409 2000" "Python"
renew
assert_eq "$(statuses_node 2000)" "409 2000" "Node"
renew
assert_eq "$(statuses_java 1000)" "409 1000" "Java"
renew
wgot=$(client wget --ca-certificate="$trusted" --tries=1 --timeout=10 -O /dev/null -S \
	https://packages.blob.example/denied/{1,2,3} 2>&1 | grep -c '^  HTTP/1.1 409' || true)
assert_eq "$wgot" 3 "wget"
echo "Python, Node, Java and wget: 409 each time"

# The other paths are the real server's, through the gate.
head -c 100M /dev/urandom >"$TESTBED_WWW/huge.bin"
sum=$(sha256sum <"$TESTBED_WWW/huge.bin")
for version in --http1.1 --http2; do
	: >"$TESTBED_ACCESS_LOG"
	assert_eq "$(fetch https://packages.blob.example/huge.bin "$version" | sha256sum)" "$sum" \
		"100 MiB $version"
	assert_eq "$(grep -c ' GET /huge.bin 200 ' "$TESTBED_ACCESS_LOG")" 1 "requests at the server"
	renew
done
assert_eq "$(head -c 3000000 /dev/zero | fetch https://packages.blob.example/echo --data-binary @-)" \
	3000000 "an upload"
assert_eq "$(fetch https://packages.blob.example/ --dump-header - | grep -ci '^x-served-by: packages')" 1 \
	"a header of the server's"
echo "100 MiB of another path: identical over HTTP/1.1 and h2"

# The other names: straight to the server.
before=$(reason_count denied diverted)
for name in images.blob.example registry.example status.example; do
	assert_eq "$(fetch "https://$name/denied" --cacert "$TESTBED_CA" --output /dev/null \
		--write-out '%{http_code} %{ssl_verify_result}')" "404 0" "$name"
done
assert_eq "$(reason_count denied diverted)" "$before" "connections that were diverted"
# 1 + 1 + 2500 + 2500 + 500 + 20 * 4 + 2000 + 2000 + 1000 + 3
assert_eq "$(counter denied hits)" 10585 "answers"

# The lift: an idle connection is ended, the next request is the server's.
lift
assert_eq "$(fetch https://packages.blob.example/denied --cacert "$TESTBED_CA" --output /dev/null \
	--write-out '%{http_code}')" 404 "after the lift"
disarm
gate_is_gone() {
	! kill -0 "$gate_pid" 2>/dev/null
}
await 3 gate_is_gone
stop_daemon
bpf_left
