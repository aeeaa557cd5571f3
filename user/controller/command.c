/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"

struct command {
	struct loop *loop;
	struct timer timeout;
	command_done done;
	void *data;
	pid_t pid;
	int pidfd;
	int output;   /* read end */
	int exec_end; /* read end: an errno when exec failed, nothing when it did not */
	bool timed_out;
	uint64_t started_at, bytes;
	/* A ring: the next byte goes to bytes % size. */
	char ring[COMMAND_OUTPUT_SIZE];
};

static int identity_variable(const char *name, uint32_t *ret_id)
{
	const char *text = getenv(name);
	uint64_t value;
	int r;

	if (!text)
		return -ENOENT;
	r = number_parse_u64(text, 1, UINT32_MAX - 1, &value);
	if (r < 0)
		return r;
	*ret_id = (uint32_t)value;
	return 0;
}

int identity_find(bool as_root, struct identity *ret_identity, struct failure *failure)
{
	struct identity identity = {.change = true, .groups_count = ARRAY_SIZE(identity.groups)};
	const struct passwd *user;
	uint32_t uid, gid;
	int r;

	if (as_root || geteuid() != 0 || !getenv("SUDO_UID")) {
		*ret_identity = (struct identity){0};
		return 0;
	}
	/* sudo from root itself: nobody to drop to */
	if (strcmp(getenv("SUDO_UID"), "0") == 0) {
		*ret_identity = (struct identity){0};
		return 0;
	}
	r = identity_variable("SUDO_UID", &uid);
	if (r == 0)
		r = identity_variable("SUDO_GID", &gid);
	if (r < 0)
		return fail(failure, -EINVAL,
			    "SUDO_UID and SUDO_GID are not the ids of a user; --as-root runs "
			    "commands as root");
	user = getpwuid(uid);
	if (!user)
		return fail(failure, -EINVAL, "SUDO_UID names no user: %u", uid);
	identity.uid = uid;
	identity.gid = gid;
	snprintf(identity.name, sizeof(identity.name), "%s", user->pw_name);
	snprintf(identity.home, sizeof(identity.home), "%s", user->pw_dir);
	if (getgrouplist(user->pw_name, gid, identity.groups, &identity.groups_count) < 0)
		identity.groups_count = ARRAY_SIZE(identity.groups);
	*ret_identity = identity;
	return 0;
}

static int assume_identity(const struct identity *identity)
{
	if (!identity->change)
		return 0;
	if (setgroups((size_t)identity->groups_count, identity->groups) < 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return -errno;
	setenv("USER", identity->name, 1);
	setenv("LOGNAME", identity->name, 1);
	setenv("HOME", identity->home, 1);
	return 0;
}

/* In the child: does not return. The parent's death takes the command with it. */
static void execute(char *const *argv, const struct identity *identity, int output, int exec_end)
{
	sigset_t none;
	int null, error;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		error = errno;
	else
		error = -assume_identity(identity);
	if (!error) {
		/* After the change of identity, which clears it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[0], argv);
		error = errno;
	}
	if (write(exec_end, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

static void command_free(struct command *command)
{
	loop_timer_cancel(command->loop, &command->timeout);
	if (command->pidfd >= 0)
		loop_forget(command->loop, command->pidfd);
	if (command->output >= 0)
		loop_forget(command->loop, command->output);
	cleanup_close(&command->pidfd);
	cleanup_close(&command->output);
	cleanup_close(&command->exec_end);
	free(command);
}

/* Reads what is there. False at the end of the output. */
static bool drain(struct command *command)
{
	char bytes[COMMAND_OUTPUT_SIZE];

	for (;;) {
		ssize_t count = read(command->output, bytes, sizeof(bytes));

		if (count < 0)
			return errno == EAGAIN || errno == EINTR;
		if (count == 0)
			return false;
		for (ssize_t i = 0; i < count; i++)
			command->ring[(command->bytes + (size_t)i) % sizeof(command->ring)] =
				bytes[i];
		command->bytes += (uint64_t)count;
	}
}

static void on_output(void *data, uint32_t events)
{
	struct command *command = data;

	(void)events;
	if (!drain(command))
		loop_forget(command->loop, command->output);
}

/* The ring in order into `buffer`, which has one byte more than the ring. */
static size_t unroll(const struct command *command, char *buffer)
{
	size_t size = sizeof(command->ring), start, length;

	length = command->bytes < size ? (size_t)command->bytes : size;
	start = command->bytes < size ? 0 : (size_t)(command->bytes % size);
	for (size_t i = 0; i < length; i++)
		buffer[i] = command->ring[(start + i) % size];
	buffer[length] = '\0';
	return length;
}

static void judge(const struct command *command, const siginfo_t *info,
		  struct command_result *result)
{
	int error = 0;

	if (read(command->exec_end, &error, sizeof(error)) == sizeof(error)) {
		result->class = CLASS_NOT_STARTED;
		result->error = error;
	} else if (command->timed_out) {
		result->class = CLASS_TIMEOUT;
	} else if (info->si_code == CLD_EXITED) {
		result->class = info->si_status ? CLASS_EXIT_CODE : CLASS_OK;
		result->status = info->si_status;
	} else {
		result->class = CLASS_KILLED;
		result->error = info->si_status;
	}
}

static void on_exit_seen(void *data, uint32_t events)
{
	struct command *command = data;
	struct command_result result = {
		.started_at = command->started_at,
		.ended_at = clock_boottime_ns(),
	};
	char output[COMMAND_OUTPUT_SIZE + 1];
	command_done done = command->done;
	void *done_data = command->data;
	siginfo_t info = {0};

	(void)events;
	if (waitid(P_PID, (id_t)command->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return;
	/* While the leader is not yet reaped its group's id cannot belong to anybody else. */
	kill(-command->pid, SIGKILL);
	waitid(P_PID, (id_t)command->pid, &info, WEXITED);
	drain(command);
	judge(command, &info, &result);
	result.bytes = command->bytes;
	result.output = output;
	result.output_length = unroll(command, output);
	command_free(command);
	done(done_data, &result);
}

/* The command's end, and with it the result, comes through the pidfd. */
static void expire(void *data, uint64_t now)
{
	struct command *command = data;

	(void)now;
	command->timed_out = true;
	kill(-command->pid, SIGKILL);
	/* Before setsid the group does not exist yet. */
	kill(command->pid, SIGKILL);
}

static int spawn(struct command *command, const struct strings *argv,
		 const struct identity *identity)
{
	int output[2] = {-1, -1}, exec_end[2] = {-1, -1}, r = 0;
	char **vector = calloc(argv->count + 1, sizeof(*vector));

	if (!vector)
		return -ENOMEM;
	memcpy(vector, argv->items, argv->count * sizeof(*vector));
	if (pipe2(output, O_CLOEXEC) < 0 || pipe2(exec_end, O_CLOEXEC) < 0)
		r = -errno;
	command->started_at = clock_boottime_ns();
	command->pid = r < 0 ? -1 : fork();
	if (command->pid == 0)
		execute(vector, identity, output[1], exec_end[1]);
	if (r == 0 && command->pid < 0)
		r = -errno;
	free(vector);
	cleanup_close(&output[1]);
	cleanup_close(&exec_end[1]);
	command->output = output[0];
	command->exec_end = exec_end[0];
	if (r < 0)
		return r;
	fcntl(command->output, F_SETFL, O_NONBLOCK);
	fcntl(command->exec_end, F_SETFL, O_NONBLOCK);
	command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
	return command->pidfd < 0 ? -errno : 0;
}

int command_start(struct loop *loop, const struct strings *argv, const struct identity *identity,
		  uint64_t timeout_ns, command_done done, void *data, struct command **ret_command)
{
	struct command *command = calloc(1, sizeof(*command));
	int r;

	if (!command)
		return -ENOMEM;
	*command = (struct command){.loop = loop,
				    .done = done,
				    .data = data,
				    .pid = -1,
				    .pidfd = -1,
				    .output = -1,
				    .exec_end = -1};
	command->timeout = (struct timer){.alarm = expire, .data = command};
	r = spawn(command, argv, identity);
	if (r == 0)
		r = loop_watch(loop, command->pidfd, EPOLLIN, on_exit_seen, command);
	if (r == 0)
		r = loop_watch(loop, command->output, EPOLLIN, on_output, command);
	if (r == 0)
		r = loop_timer_set(loop, &command->timeout, command->started_at + timeout_ns);
	if (r < 0) {
		command_cancel(command);
		return r;
	}
	*ret_command = command;
	return 0;
}

void command_cancel(struct command *command)
{
	siginfo_t info;

	if (!command)
		return;
	if (command->pid > 0) {
		kill(-command->pid, SIGKILL);
		kill(command->pid, SIGKILL);
		waitid(P_PID, (id_t)command->pid, &info, WEXITED);
	}
	command_free(command);
}
