#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints how exactly the link layer does what it says: the rate of whole downloads against the rate
# asked for, what was sent again, and how far behind its limit a cut was. Takes about two minutes.
# Exits 1 when a figure is outside what docs/effects.md promises.
. "$(dirname "$0")/../system/lib.sh"
need curl jq python3 taskset nstat
setup
head -c 100000000 /dev/urandom >"$TESTBED_WWW/random.bin"
outside=0
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
match='"match": {"protocols": ["tcp"], "ports": ["80"]}'
# On one CPU: on several, the packets of one connection overtake each other on a veth.
for pid in $(services sh -c "cat '$TESTBED_CGROUP.svc/cgroup.procs'"); do
	taskset -acp 0 "$pid" >/dev/null 2>&1 || true
done

# lost: segments that the services sent again although none told that it had come twice.
lost() {
	services nstat -asz TcpRetransSegs TcpExtTCPLossProbes TcpExtTCPDSACKRecvSegs |
		awk '/RetransSegs/ { sent = $2 } /LossProbes/ { probes = $2 } /DSACKRecv/ { twice = $2 }
			END { twice = twice > probes ? twice : probes; print (sent > twice ? sent - twice : 0) }'
}

# bound WHAT VALUE LOWEST HIGHEST
bound() {
	(($2 >= $3 && $2 <= $4)) && return
	outside=1
	printf '  outside: %s is %s, not within %s to %s\n' "$@"
}

start_daemon
printf '%-8s %12s %12s %9s %6s\n' rate bytes bit/s error lost
for mbits in 1 2 5 10 20 50 100; do
	bytes=$((mbits * 1000000))
	arm "$(plan '{"fault": "f", "effect": "rate", "rate": '$((mbits * 125000))', '"$match"'}' "$scope")"
	inject f 60
	before=$(lost)
	nanoseconds=$(client taskset -c 0 python3 - "$TESTBED_SHARED4" "$bytes" <<-'END'
		import http.client, sys, time
		began = time.monotonic_ns()
		client = http.client.HTTPConnection(sys.argv[1], 80)
		client.request("GET", "/random.bin",
		               headers={"Host": "registry.example", "Range": f"bytes=0-{int(sys.argv[2]) - 1}"})
		response = client.getresponse()
		assert response.status == 206, response.status
		assert len(response.read()) == int(sys.argv[2])
		print(time.monotonic_ns() - began)
	END
	)
	after=$(lost)
	rate=$((bytes * 8 * 1000000 / (nanoseconds / 1000)))
	promille=$((rate / mbits / 1000 - 1000))
	printf '%-8s %12d %12d %7d.%d%% %6d\n' "${mbits}M" "$bytes" "$rate" $((promille / 10)) \
		$((promille < 0 ? -promille % 10 : promille % 10)) $((after - before))
	bound "the rate's error at ${mbits}M (per mille)" "$promille" -80 80
	bound "segments lost at ${mbits}M" $((after - before)) 0 0
	disarm
done

printf '\n%-10s %8s %10s %10s\n' cut trials earliest latest
for after in 1000 100000 1048576 10000000; do
	arm "$(plan '{"fault": "f", "effect": "cut", "after": '"$after"', '"$match"'}' "$scope")"
	inject f 60
	read -r earliest latest < <(client python3 - "$TESTBED_SHARED4" "$after" <<-'END'
		import socket, sys
		late = []
		for trial in range(50):
		    client = socket.create_connection((sys.argv[1], 80))
		    client.sendall(b"GET /random.bin HTTP/1.1\r\nHost: registry.example\r\n\r\n")
		    got = 0
		    try:
		        while part := client.recv(65536):
		            got += len(part)
		        late.append(10 ** 9)
		    except ConnectionResetError:
		        late.append(got - int(sys.argv[2]))
		print(min(late), max(late))
	END
	)
	printf '%-10d %8d %10d %10d\n' "$after" 50 "$earliest" "$latest"
	bound "bytes that a cut after $after was early" "$earliest" 0 65536
	bound "bytes that a cut after $after was late" "$latest" 0 65536
	disarm
done
stop_daemon
exit "$outside"
