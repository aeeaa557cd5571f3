/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faultd: reads the policy as root, opens the socket, starts the unprivileged api process and
 * becomes the privileged engine.
 */
#include <argp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/daemon/api.h"
#include "user/daemon/bpf.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/engine.h"
#include "user/daemon/helper.h"
#include "user/daemon/identity.h"
#include "user/daemon/listener.h"
#include "user/daemon/notify.h"
#include "user/daemon/privilege.h"

const char *argp_program_version = "faultd " FAULTD_VERSION;

/* Room for the events of a peer that was stopped for a while. */
enum { CHANNEL_BUFFER = 4 << 20 };

enum { EXIT_USAGE = 2 };

enum { CHILD_ENDS_WITHIN_MS = 1000 };

struct options {
	const char *socket;
	const char *group;
	const char *policy;
	const char *user;
	const char *gate_user;
	const char *authority;
	const char *trust;
	const char *runtime_root; /* NULL: the host's own */
	const char *cgroup_root;  /* as given: a directory; NULL: the top of cgroup2 */
	enum log_level log_level;
};

struct daemon {
	struct options options;
	struct policy policy;
	char *cgroup_mount;
	char *cgroup_root; /* below the mount */
	uid_t uid;	   /* of the api process */
	gid_t gid;
	struct gate_identity gate;
	gid_t group; /* of the socket */
	int listener;
};

static const struct {
	const char *name;
	enum log_level level;
} log_levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};

static const struct argp_option option_table[] = {
	{"socket", 's', "PATH", 0, "Serve on PATH (default /run/faultd/faultd.sock)", 0},
	{"group", 'g', "NAME", 0, "Give the socket to group NAME (default: root's)", 0},
	{"policy", 'p', "PATH", 0, "Read the policy from PATH (default /etc/faultd/policy.yaml)",
	 0},
	{"user", 'u', "NAME", 0, "Run the api process as NAME (default faultd, else nobody)", 0},
	{"gate-user", 'G', "NAME", 0,
	 "Run the gate process as NAME (default faultd-gate, else nobody)", 0},
	{"authority", 'a', "DIRECTORY", 0,
	 "Sign certificates by ca.key and ca.pem in DIRECTORY (default /var/lib/faultd/ca)", 0},
	{"trust", 't', "PATH", 0,
	 "Judge real servers by the certificates in PATH (default "
	 "/etc/ssl/certs/ca-certificates.crt)",
	 0},
	{"cgroup-root", 'c', "PATH", 0,
	 "What the whole host means: the cgroup directory PATH (default: the top of cgroup2)", 0},
	{"runtime-root", 'r', "PATH", 0,
	 "Look for the files of container runtimes below PATH (default: the host's root)", 0},
	{"foreground", 'f', NULL, 0, "Stay in the foreground: the only mode there is", 0},
	{"log-level", 'l', "LEVEL", 0, "error, warning, info (default) or debug", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static int parse_log_level(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(log_levels); i++)
		if (!strcmp(log_levels[i].name, text)) {
			*ret_level = log_levels[i].level;
			return 0;
		}
	return -EINVAL;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 's':
		options->socket = argument;
		return 0;
	case 'g':
		options->group = argument;
		return 0;
	case 'p':
		options->policy = argument;
		return 0;
	case 'u':
		options->user = argument;
		return 0;
	case 'G':
		options->gate_user = argument;
		return 0;
	case 'a':
		options->authority = argument;
		return 0;
	case 't':
		options->trust = argument;
		return 0;
	case 'c':
		options->cgroup_root = argument;
		return 0;
	case 'r':
		options->runtime_root = argument;
		return 0;
	case 'f':
		return 0;
	case 'l':
		if (parse_log_level(argument, &options->log_level))
			argp_error(state, "'%s' is no log level", argument);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "there are no arguments, only options: '%s'", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Inject faults into this host's outgoing traffic, for faultctl.",
};

/* `given` or, where that is NULL, `usual` or nobody. */
static int find_one_user(const char *given, const char *usual, uid_t *ret_uid, gid_t *ret_gid,
			 struct failure *failure)
{
	const char *name = given ? given : usual;
	int r = identity_find_user(name, ret_uid, ret_gid);

	if (r == -ENOENT && !given) {
		name = "nobody";
		r = identity_find_user(name, ret_uid, ret_gid);
	}
	if (r)
		return fail(failure, r, "user '%s': %s", name,
			    r == -ENOENT ? "there is none" : strerror(-r));
	return 0;
}

static int find_users(struct daemon *daemon, struct failure *failure)
{
	int r = find_one_user(daemon->options.user, "faultd", &daemon->uid, &daemon->gid, failure);

	if (!r)
		r = find_one_user(daemon->options.gate_user, "faultd-gate", &daemon->gate.uid,
				  &daemon->gate.gid, failure);
	if (r)
		return r;
	if (!daemon->uid)
		return fail(failure, -EINVAL, "the api process must not be root");
	if (!daemon->gate.uid)
		return fail(failure, -EINVAL, "the gate process must not be root");
	daemon->gate.authority = daemon->options.authority;
	daemon->gate.trust = daemon->options.trust;
	return 0;
}

static int find_group(struct daemon *daemon, struct failure *failure)
{
	const char *name = daemon->options.group;
	int r;

	daemon->group = (gid_t)-1;
	if (!name)
		return 0;
	r = identity_find_group(name, &daemon->group);
	if (r)
		return fail(failure, r, "group '%s': %s", name,
			    r == -ENOENT ? "there is none" : strerror(-r));
	return 0;
}

/* --cgroup-root is a directory; the engine wants the cgroup's path below the mount. */
static int find_cgroup_root(struct daemon *daemon, struct failure *failure)
{
	const char *given = daemon->options.cgroup_root;
	_cleanup_free_ char *real = given ? realpath(given, NULL) : strdup(daemon->cgroup_mount);
	size_t length = strlen(daemon->cgroup_mount);
	const char *below;

	if (!real)
		return fail(failure, -errno, "%s: %s", given ? given : "cgroup", strerror(errno));
	if (!cgroup_contains(daemon->cgroup_mount, real))
		return fail(failure, -EINVAL, "%s: not below %s, where cgroup2 is mounted", given,
			    daemon->cgroup_mount);
	below = real + length;
	daemon->cgroup_root = strdup(*below ? below : "/");
	return daemon->cgroup_root ? 0 : fail(failure, -ENOMEM, "out of memory");
}

static int prepare(struct daemon *daemon, struct failure *failure)
{
	int r;

	if (geteuid())
		return fail(failure, -EPERM, "must be started as root");
	/* Before anything else looks at the outside. */
	r = policy_load(daemon->options.policy, &daemon->policy, failure);
	if (!r)
		r = find_users(daemon, failure);
	if (!r)
		r = find_group(daemon, failure);
	if (!r)
		r = cgroup_find_mount(&daemon->cgroup_mount, failure);
	if (!r)
		r = find_cgroup_root(daemon, failure);
	if (r)
		return r;
	daemon->listener = listener_open(daemon->options.socket, daemon->group, failure);
	return daemon->listener < 0 ? daemon->listener : 0;
}

static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* The child. Signals to stop stay blocked: it ends with the engine, and not before. */
static int run_api(const struct daemon *daemon, int channel, pid_t parent)
{
	const struct api_settings settings = {
		.listener = daemon->listener,
		.channel = channel,
		.cgroup_mount = daemon->cgroup_mount,
		.policy = &daemon->policy,
	};
	struct failure failure = {};
	int r;

	log_setup("faultd-api", daemon->options.log_level);
	prctl(PR_SET_NAME, "faultd-api");
	r = privilege_drop(daemon->uid, daemon->gid, parent, &failure);
	if (!r)
		r = api_serve(&settings, &failure);
	/* That the engine is gone is said by whoever ended it. */
	if (r != -EPIPE)
		log_error("%s", failure.text);
	return EXIT_FAILURE;
}

static void log_libbpf(const char *text)
{
	log_debug("libbpf: %s", text);
}

/* Likewise. */
static int run_helper(const struct daemon *daemon, int channel, pid_t parent)
{
	struct failure failure = {};
	int r;

	/* What the engine holds ends with the engine. */
	if (channel != STDERR_FILENO + 1 && dup2(channel, STDERR_FILENO + 1) < 0)
		return EXIT_FAILURE;
	channel = STDERR_FILENO + 1;
	closefrom(channel + 1);
	log_setup("faultd-helper", daemon->options.log_level);
	prctl(PR_SET_NAME, "faultd-helper");
	r = helper_serve(channel, &daemon->gate, parent, &failure);
	if (r != -EPIPE)
		log_error("%s", failure.text);
	return EXIT_FAILURE;
}

/* A process that was split off, and this one's end of the channel to it. */
struct child {
	pid_t pid;
	int channel;
};

static int start_child(const struct daemon *daemon,
		       int (*run)(const struct daemon *daemon, int channel, pid_t parent),
		       struct child *ret_child, struct failure *failure)
{
	const int size = CHANNEL_BUFFER;
	pid_t parent = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(failure, -errno, "making a channel: %s", strerror(errno));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		close(pair[1]);
		return fail(failure, r, "starting a process: %s", strerror(-r));
	}
	if (!pid) {
		close(pair[0]);
		_exit(run(daemon, pair[1], parent));
	}
	close(pair[1]);
	*ret_child = (struct child){pid, pair[0]};
	return 0;
}

/* A child ends by itself when its channel is closed. One that does not is not waited for. */
static void end_child(const struct child *child)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};

	close(child->channel);
	if (fd < 0 || poll(&ended, 1, CHILD_ENDS_WITHIN_MS) != 1)
		kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
}

static int run_engine(const struct daemon *daemon, const struct child *api,
		      const struct child *helper, struct failure *failure)
{
	const struct engine_settings settings = {
		.cgroup_mount = daemon->cgroup_mount,
		.cgroup_root = daemon->cgroup_root,
		.runtime_root = daemon->options.runtime_root,
		.policy = &daemon->policy,
		.helper = helper->channel,
	};
	int r = privilege_keep_engine(failure);

	if (r)
		return r;
	programs_set_log(log_libbpf);
	notify_ready("nothing is armed");
	log_info("serving %s", daemon->options.socket);
	r = engine_run(api->channel, &settings, failure);
	notify_stopping();
	return r;
}

static int split(const struct daemon *daemon, struct failure *failure)
{
	struct child api = {.channel = -1}, helper = {.channel = -1};
	int r = start_child(daemon, run_api, &api, failure);

	if (r)
		return r;
	close(daemon->listener);
	r = start_child(daemon, run_helper, &helper, failure);
	if (!r) {
		r = run_engine(daemon, &api, &helper, failure);
		end_child(&helper);
	}
	end_child(&api);
	return r;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {
		.options =
			{
				.socket = "/run/faultd/faultd.sock",
				.policy = "/etc/faultd/policy.yaml",
				.authority = "/var/lib/faultd/ca",
				.trust = "/etc/ssl/certs/ca-certificates.crt",
				.log_level = LOG_LEVEL_INFO,
			},
		.listener = -1,
	};
	struct failure failure = {};
	int r;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &daemon.options);
	log_setup("faultd", daemon.options.log_level);
	block_signals();
	r = prepare(&daemon, &failure);
	if (!r) {
		r = split(&daemon, &failure);
		unlink(daemon.options.socket);
	}
	if (r)
		log_error("%s", failure.text);
	policy_free(&daemon.policy);
	free(daemon.cgroup_mount);
	free(daemon.cgroup_root);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
