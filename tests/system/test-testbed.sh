#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The testbed serves what the other tests rely on: names, addresses, certificates, token services.
. "$(dirname "$0")/lib.sh"
need curl jq
setup

served_by() {
	client curl --silent --show-error --max-time 5 "$@" --output /dev/null \
		--write-out '%{remote_ip} %{http_code} %header{x-served-by}'
}

for name in packages.blob.example images.blob.example registry.example status.example; do
	assert_eq "$(served_by -4 "http://$name/")" "$TESTBED_SHARED4 200 $name"
	assert_eq "$(served_by -6 "https://$name/")" "$TESTBED_SHARED6 200 $name"
done
assert_eq "$(served_by -4 https://solo.example/)" "$TESTBED_SOLO4 200 solo.example"
assert_eq "$(served_by -4 https://artifacts.example/)" "$TESTBED_SHARED4 200 artifacts.example"
assert_eq "$(curl_error http://nowhere.example/)" 6 "curl's code for a name that does not exist"
assert_eq "$(client curl -s http://solo.example/extension.zip | wc -c)" 200000 "extension.zip"
assert_eq "$(head -c 1500000 /dev/zero | client curl -s -T - https://status.example/echo)" 1500000

azure="http://$TESTBED_METADATA4/metadata/identity/oauth2/token?resource=x"
assert_eq "$(http_code "$azure")" 400
assert_eq "$(http_code "$azure" -H 'Metadata: true')" 200
aws="http://[$TESTBED_METADATA6]/latest"
assert_eq "$(http_code "$aws/meta-data/iam/security-credentials/")" 401
token=$(client curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$aws/api/token")
assert_eq "$(http_code "$aws/meta-data/iam/security-credentials/" \
	-H "X-aws-ec2-metadata-token: $token")" 200
google=http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token
assert_eq "$(http_code "$google")" 403
assert_eq "$(http_code "$google" -H 'Metadata-Flavor: Google')" 200

assert_eq "$(client sh -c 'tail -n 1 /proc/self/cgroup')" "0::$TESTBED_HOST_CGROUP_PATH"
assert_eq "$(client_in jobs/one sh -c 'tail -n 1 /proc/self/cgroup')" "0::$TESTBED_CGROUP_PATH/jobs/one"

# The last of them may be logged after its answer.
all_logged() {
	[[ $(wc -l <"$TESTBED_ACCESS_LOG") == 19 ]]
}
await 2 all_logged
