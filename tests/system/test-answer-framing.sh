#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: `answer` swallows bodies and keeps the connection in step, whatever the method and however
# the request is written; what it cannot answer in order is passed and counted. Never a corrupted
# stream.
. "$(dirname "$0")/lib.sh"
need python3 jq
setup
start_daemon

host='Host: packages.blob.example\r\n'
kernel="409 kernel 2"
root="200 packages.blob.example 22"
zip="200 packages.blob.example 200000"
missing="404 packages.blob.example 146"

# get PATH, head PATH: the bytes of a request.
get() {
	printf '%s' "GET $1 HTTP/1.1\\r\\n$host\\r\\n"
}

# play WHAT EXPECTED: plays standard input on one connection; the responses must be these, in order.
play() {
	assert_eq "$(client "$CLIENTS/raw.py" --timeout 5 "$TESTBED_SHARED4" 80 -)" "$2" "$1"
	echo "$1: in step"
}

# reason WORD: how often the kernel gave this reason.
reason() {
	expect_api 200 GET "/runs/$run/counters"
	field ".rules[0].reasons[\"$1\"] // 0"
}

arm "$(plan '{"fault": "artifacts", "effect": "answer", "match": {"protocols": ["tcp"],
	"ports": ["80"], "paths": ["/extension"], "http": true},
	"answer": {"status": 409, "reason": "Conflict", "headers": "X-Served-By: kernel\r\n",
	"body_base64": "bm8="}}')"
inject artifacts 300

play "body of 300 KB behind its headers" "$kernel
$root" <<END
send POST /extension HTTP/1.1\\r\\n${host}Content-Length: 300000\\r\\n\\r\\n
zeros 300000
responses 1
send $(get /)
responses 2
END

play "body of 300 KB in pieces, the last with the next request" "$kernel
$root
$kernel" <<END
send PUT /extension HTTP/1.1\\r\\n${host}Content-Length: 300000\\r\\n\\r\\n
zeros 100000
acked
zeros 199999
quiet 0.05
send \\x00$(get /)
responses 2
send $(get /extension)
responses 3
END

play "body of 2 MB: answered at once, swallowed behind the answer" "$kernel
$root" <<END
send PUT /extension HTTP/1.1\\r\\n${host}Content-Length: 2000000\\r\\n\\r\\n
responses 1
zeros 2000000
send $(get /)
responses 2
END

play "passing body of 300 KB, then a match" "200 packages.blob.example 7
$kernel" <<END
send POST /echo HTTP/1.1\\r\\n${host}Content-Length: 300000\\r\\n\\r\\n
zeros 300000
responses 1
send $(get /extension)
responses 2
END

play "a long download between two matches" "$kernel
200 packages.blob.example 20971520
$kernel" <<END
send $(get /extension)
responses 1
send $(get /large.bin)
responses 2
send $(get /extension)
responses 3
END

before=$(reason pipelined)
play "pipelined in one write: match, match, pass" "$kernel
$kernel
$root" <<END
send $(get /extension)$(get /extension)$(get /)
responses 3
END
play "pipelined in one write: pass, match, pass" "$root
$missing
$root" <<END
send $(get /)$(get /extension)$(get /)
responses 3
END
play "pipelined in one write: match, pass, match, pass" "$kernel
$root
$missing
$root" <<END
send $(get /extension)$(get /)$(get /extension)$(get /)
responses 4
END
play "pipelined in several writes behind a long download" "200 packages.blob.example 20971520
$zip
$root" <<END
send $(get /large.bin)
bytes 1000000
send $(get /extension.zip)
send $(get /)
responses 3
END
(($(reason pipelined) > before)) || fail "requests that were passed out of step are not counted"

play "a head split over writes" "$root
$kernel
$kernel" <<END
send $(get /)
responses 1
send GET /ext
acked
send ension HTTP/1.1\\r\\nHo
acked
send st: packages.blob.example\\r\\n\\r
quiet 0.05
send \\n
responses 2
send $(get /extension)
responses 3
END

play "chunks that pass, then a match" "200 packages.blob.example 2
$kernel" <<END
send POST /echo HTTP/1.1\\r\\n${host}Transfer-Encoding: chunked\\r\\n\\r\\n
send 5\\r\\nhello\\r\\n
send 0\\r\\n\\r\\n
responses 1
send $(get /extension)
responses 2
END

play "chunks behind a match: answered with close, the rest swallowed" "$kernel" <<END
send POST /extension HTTP/1.1\\r\\n${host}Transfer-Encoding: chunked\\r\\n\\r\\n
responses 1
send 5\\r\\nhello\\r\\n
send 0\\r\\n\\r\\n
quiet 0.1
END

play "Expect: 100-continue that passes, then a match" "100 - 0
200 packages.blob.example 5
$kernel" <<END || true
send POST /echo HTTP/1.1\\r\\n${host}Expect: 100-continue\\r\\nContent-Length: 1000\\r\\n\\r\\n
responses 1
zeros 1000
responses 2
send $(get /extension)
responses 3
END

play "no Host, HTTP/1.0" "$kernel" <<END
send GET /extension HTTP/1.0\\r\\n\\r\\n
responses 1
END

# HEAD has no body, whatever its Content-Length says; curl knows that.
client curl --silent --http1.1 --write-out '%{http_code} %{num_connects}\n' --output /dev/null --head \
	http://packages.blob.example/extension --next --silent --write-out \
	'%{http_code} %{num_connects}\n' --output /dev/null http://packages.blob.example/ \
	--next --silent --write-out '%{http_code} %{num_connects}\n' --output /dev/null --request DELETE \
	http://packages.blob.example/extension >"$TESTBED_DIR/head"
assert_eq "$(xargs <"$TESTBED_DIR/head")" "409 1 200 0 409 0" "HEAD, GET and DELETE on one connection"

# The bytes that pass are the server's: nothing was added or lost.
client curl --silent --output "$TESTBED_DIR/one" http://packages.blob.example/extension --next --silent \
	--output "$TESTBED_DIR/large" http://packages.blob.example/large.bin
cmp "$TESTBED_DIR/large" "$TESTBED_WWW/large.bin" || fail "the download differs"
disarm
stop_daemon
bpf_left
