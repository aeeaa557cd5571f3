#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# alone: it times new interfaces
# Promise: an interface that appears while a fault of the link layer is armed is covered, and one that
# goes ends nothing else: not the run, not the fault on the others.
. "$(dirname "$0")/lib.sh"
need curl jq python3 ip
setup

readonly NEW4=10.78.0.2
start_daemon
arm "$(plan '{"fault": "f", "effect": "reset", "at": "connect", "match": {"protocols": ["tcp"],
	"prefixes": ["'$NEW4'/32", "'"$TESTBED_SHARED4"'/32"]}}')"
attached() {
	expect_api 200 GET /status
	field .attached
}
before=$(attached)
inject f 60

for round in 1 2 3; do
	client ip link add new0 type veth peer name new1 netns "$TESTBED_SERVICES_NETNS"
	# As soon as the command has returned: a first packet may leave at once.
	client ip address add 10.78.0.1/24 dev new0
	client ip link set new0 up
	services ip address add $NEW4/24 dev new1
	services ip link set new1 up
	assert_eq "$(curl_error http://$NEW4/)" 7 "round $round: curl's exit"
	assert_eq "$(counter f hits)" $((2 * round - 1)) "hits"
	assert_eq "$(attached)" $((before + 1)) "attachments"
	client ip link delete new0
	gone() {
		[[ $(attached) == "$before" ]]
	}
	await 2 gone
	assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 7 "the other interface"
done
lift
assert_eq "$(http_code "http://registry.example/")" 200 "after the lift"
disarm
echo "an interface that came was covered, three times; its going ended nothing"

# How long it takes, asked of the daemon again and again.
arm "$(plan '{"fault": "f", "effect": "reset", "at": "connect", "match": {"protocols": ["tcp"],
	"prefixes": ["'$NEW4'/32"]}}')"
took=$(client python3 - "$TESTBED_SOCKET" "$TESTBED_SERVICES_NETNS" <<'END'
import http.client, json, socket, subprocess, sys, time

class Daemon(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])

def attached():
    daemon = Daemon("faultd")
    daemon.request("GET", "/v1/status")
    return json.load(daemon.getresponse())["attached"]

before = attached()
subprocess.run(["ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1", "netns",
                sys.argv[2]], check=True)
began = time.monotonic()
while attached() == before and time.monotonic() - began < 2:
    pass
print(int((time.monotonic() - began) * 1000))
END
)
assert_between "$took" 0 50 "ms until the interface is attached to"
client ip link delete new0
disarm
stop_daemon
bpf_left
echo "attached $took ms after the command that made it at the latest"
