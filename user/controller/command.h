/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands as units of work: started without a shell, in a session and process group of their own,
 * with /dev/null as input, watched by the event loop. What is left of the group when the command
 * ends, or when its time is over, is killed.
 */
#ifndef CONTROLLER_COMMAND_H
#define CONTROLLER_COMMAND_H

#include <sys/types.h>

#include "user/controller/loop.h"
#include "user/controller/records.h"

/* Bytes of output that are kept: the last ones. */
#define COMMAND_OUTPUT_SIZE 4096

struct command;

/* As whom commands run. */
struct identity {
	bool change; /* false: as the controller itself */
	uid_t uid;
	gid_t gid;
	gid_t groups[64];
	int groups_count;
	char name[64];
	char home[256];
};

/*
 * Under sudo (effective uid 0, SUDO_UID and SUDO_GID set) that is the invoking user, unless
 * `as_root`. 0, or -EINVAL with the reason in `failure` when those variables make no sense.
 */
int identity_find(bool as_root, struct identity *ret_identity, struct failure *failure);

struct command_result {
	enum attempt_class class; /* OK, EXIT_CODE, KILLED, TIMEOUT or NOT_STARTED */
	int status;		  /* exit code */
	int error;		  /* signal, or errno of the exec */
	uint64_t started_at, ended_at;
	uint64_t bytes;	    /* of output in all */
	const char *output; /* the last COMMAND_OUTPUT_SIZE bytes; valid in the callback */
	size_t output_length;
};
typedef void (*command_done)(void *data, const struct command_result *result);

/*
 * Starts `argv`. `done` is called once, later, unless the command is cancelled; it may start and
 * cancel other commands. 0 or -errno when not even a process could be made.
 */
int command_start(struct loop *loop, const struct strings *argv, const struct identity *identity,
		  uint64_t timeout_ns, command_done done, void *data, struct command **ret_command);

/* Kills the group, waits for the command's end and forgets it; `done` is not called. */
void command_cancel(struct command *command);

#endif
