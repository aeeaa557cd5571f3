/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers by their cgroups and by the files that their runtimes keep: Docker, Podman (and
 * CRI-O), containerd. No runtime is asked anything.
 */
#ifndef DAEMON_CONTAINER_H
#define DAEMON_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_SIZE 129 /* with its NUL; Docker's and Podman's ids have 64 digits */

/*
 * Whether a cgroup of that name is a container's; its id goes to `id`. Names that runtimes give:
 * docker-ID.scope, libpod-ID[.scope], cri-containerd-ID.scope, crio-ID.scope, nerdctl-ID.scope, and
 * a bare ID of 64 digits.
 */
bool container_id_of(const char *cgroup_name, char id[CONTAINER_ID_SIZE]);

/*
 * Whether container `id` is the one that `wanted` means: its id or at least 12 digits of its front,
 * or its name in the runtime's files below `root` ("" for the host's own). Files that cannot be
 * read, or are not root's, tell nothing.
 */
bool container_is(const char *root, const char *id, const char *wanted);

#endif
