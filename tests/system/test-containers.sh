#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 170
# Promise: a container is found by id, by the front of its id and by name, as Docker, Podman and
# containerd lay out their cgroups and files; a fault for one never touches another, over 10,000
# requests; what names no container is refused.
. "$(dirname "$0")/lib.sh"
need curl jq
setup

readonly REQUESTS=10000
id_of() {
	printf '%s' "$1" | sha256sum | cut -c1-64
}
docker=$(id_of docker) podman=$(id_of podman) containerd=$(id_of containerd) kubernetes=$(id_of k8s)
docker_place=system.slice/docker-$docker.scope
podman_place=machine.slice/libpod-$podman.scope
containerd_place=default/$containerd
kubernetes_place=kubepods.slice/kubepods-pod1.slice/cri-containerd-$kubernetes.scope
root=$TESTBED_DIR/runtimes
mkdir -p "$root/var/lib/docker/containers/$docker" \
	"$root/var/lib/containers/storage/overlay-containers" \
	"$root/run/containerd/io.containerd.runtime.v2.task/default/$containerd" \
	"$root/run/containerd/io.containerd.runtime.v2.task/k8s.io/$kubernetes"
echo '{"Name": "/web"}' >"$root/var/lib/docker/containers/$docker/config.v2.json"
echo '[{"id": "'"$podman"'", "names": ["cache", "other-name"]}]' \
	>"$root/var/lib/containers/storage/overlay-containers/containers.json"
echo '{"annotations": {"nerdctl/name": "mirror"}}' \
	>"$root/run/containerd/io.containerd.runtime.v2.task/default/$containerd/config.json"
echo '{"annotations": {"io.kubernetes.cri.container-name": "sidecar"}}' \
	>"$root/run/containerd/io.containerd.runtime.v2.task/k8s.io/$kubernetes/config.json"
for place in "$docker_place" "$podman_place" "$containerd_place" "$kubernetes_place"; do
	make_cgroup "$place"
done
start_daemon --runtime-root "$root"

rule='{"fault": "f", "effect": "refuse", "match": {"protocols": ["tcp"], "ports": ["80"]}}'
# rule_for CONTAINER: the same, for one container of the whole host.
rule_for() {
	jq --compact-output --arg container "$1" '.match.containers = [$container]' <<<"$rule"
}
error_in() {
	local error=0

	client_in "$1" curl --silent --output /dev/null --max-time 5 "http://$TESTBED_SHARED4/" ||
		error=$?
	printf '%d' "$error"
}
# expect_hit PLACE: that container is refused, the others are not.
expect_hit() {
	local place expected

	for place in "$docker_place" "$podman_place" "$containerd_place" "$kubernetes_place" host; do
		expected=0
		[[ $place != "$1" ]] || expected=7
		assert_eq "$(error_in "$place")" "$expected" "a fault for ${1##*/}: ${place##*/}"
	done
}

while read -r wanted place; do
	for form in scope match; do
		if [[ $form == scope ]]; then
			arm "$(plan "$rule" '{"scope": {"containers": ["'"$wanted"'"]}}')"
		else
			arm "$(plan "$(rule_for "$wanted")")"
		fi
		inject f 60
		expect_hit "$place"
		disarm
	done
	echo "$wanted: found, as scope and as match"
done <<END
web $docker_place
${docker:0:12} $docker_place
$docker $docker_place
cache $podman_place
other-name $podman_place
mirror $containerd_place
sidecar $kubernetes_place
${kubernetes:0:20} $kubernetes_place
END
for wanted in nobody "${docker:0:11}" 000000000000; do
	api POST /runs "$(plan "$rule" '{"scope": {"containers": ["'"$wanted"'"]}}')"
	assert_eq "$code $(field .error)" "422 container $wanted: no cgroup is that container's" refusal
done
api POST /runs "$(plan "$rule" '{"scope": {"containers": ["../x"]}}')"
assert_eq "$code" 400 "a path for a name"

# Two at a time, over 10,000 requests: all of the one, none of the other.
arm "$(plan "$(jq -c '.effect = "answer" | .answer = {status: 503}' <<<"$(rule_for web)")")"
inject f 150
count() {
	client_in "$1" curl --silent --output /dev/null --write-out '%{http_code}\n' \
		"http://$TESTBED_SHARED4/?[1-$((REQUESTS / 2))]" -H 'Host: registry.example' |
		sort | uniq -c | awk '{ print $1, $2 }' | xargs
}
count "$docker_place" >"$TESTBED_DIR/one" &
other=$(count "$podman_place")
wait $!
assert_eq "$(<"$TESTBED_DIR/one")" "$((REQUESTS / 2)) 503" "the container of the fault"
assert_eq "$other" "$((REQUESTS / 2)) 200" "the other container"
assert_eq "$(counter f hits)" $((REQUESTS / 2)) "hits"
echo "10,000 requests of two containers: $(<"$TESTBED_DIR/one"), $other"
disarm
stop_daemon
bpf_left
