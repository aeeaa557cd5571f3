/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/kernel.h"
#include "user/controller/authority_store.h"
#include "user/controller/record_json.h"
#include "user/controller/verb.h"

enum { FOUND_SIZE = 256 };

/* Each looks at one thing: true when it is there; `found` gets what was seen. */
static bool check_kernel(const struct arguments *arguments, char found[FOUND_SIZE])
{
	(void)arguments;
	return kernel_is_at_least(6, 1, found, FOUND_SIZE);
}

static bool check_tcx(const struct arguments *arguments, char found[FOUND_SIZE])
{
	(void)arguments;
	return kernel_is_at_least(6, 6, found, FOUND_SIZE);
}

static bool check_btf(const struct arguments *arguments, char found[FOUND_SIZE])
{
	bool there = access("/sys/kernel/btf/vmlinux", R_OK) == 0;

	(void)arguments;
	snprintf(found, FOUND_SIZE, "/sys/kernel/btf/vmlinux: %s",
		 there ? "readable" : strerror(errno));
	return there;
}

/* Field 5 of a line of mountinfo is the mount point; the type follows the separator " - ". */
static bool check_cgroup2(const struct arguments *arguments, char found[FOUND_SIZE])
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	(void)arguments;
	while (file && getline(&line, &size, file) > 0) {
		char *rest = line, *point = NULL;

		if (!strstr(line, " - cgroup2 "))
			continue;
		for (int i = 0; i < 5 && rest; i++)
			point = strsep(&rest, " ");
		snprintf(found, FOUND_SIZE, "mounted on %s", point ? point : "?");
		return true;
	}
	snprintf(found, FOUND_SIZE, "no cgroup2 mount in /proc/self/mountinfo");
	return false;
}

/* A map of one element, made and dropped. */
static bool check_bpf(const struct arguments *arguments, char found[FOUND_SIZE])
{
	union bpf_attr attributes;
	long fd;

	(void)arguments;
	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = BPF_MAP_TYPE_ARRAY;
	attributes.key_size = 4;
	attributes.value_size = 8;
	attributes.max_entries = 1;
	fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
	if (fd >= 0) {
		close((int)fd);
		snprintf(found, FOUND_SIZE, "allowed to this user");
		return true;
	}
	/* The daemon has the privilege, not the person who asks. */
	snprintf(found, FOUND_SIZE, "bpf(2): %s%s", strerror(errno),
		 errno == EPERM && geteuid() != 0 ? " (as this user; the daemon has more rights)"
						  : "");
	return errno == EPERM && geteuid() != 0;
}

static bool check_clock(const struct arguments *arguments, char found[FOUND_SIZE])
{
	static const char path[] = "/sys/devices/system/clocksource/clocksource0/"
				   "current_clocksource";
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	(void)arguments;
	if (!file || !fgets(found, FOUND_SIZE, file)) {
		snprintf(found, FOUND_SIZE, "unknown");
		return false;
	}
	found[strcspn(found, "\n")] = '\0';
	return strcmp(found, "jiffies") != 0 && strcmp(found, "refined-jiffies") != 0;
}

static bool check_daemon(const struct arguments *arguments, char found[FOUND_SIZE])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(arguments->socket_path) >= sizeof(address.sun_path)) {
		snprintf(found, FOUND_SIZE, "%s: not a usable path", arguments->socket_path);
		return false;
	}
	memcpy(address.sun_path, arguments->socket_path, strlen(arguments->socket_path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		snprintf(found, FOUND_SIZE, "%s: %s", arguments->socket_path, strerror(errno));
		return false;
	}
	snprintf(found, FOUND_SIZE, "answers on %s", arguments->socket_path);
	return true;
}

static bool check_authority(const struct arguments *arguments, char found[FOUND_SIZE])
{
	(void)arguments;
	return authority_foresee(AUTHORITY_DIRECTORY, NULL, found, FOUND_SIZE);
}

static const struct {
	const char *name;
	bool (*check)(const struct arguments *arguments, char found[FOUND_SIZE]);
	const char *lost; /* what does not work without it */
	const char *remedy;
	bool essential; /* nothing can be injected without it */
} checks[] = {
	{"kernel 6.1", check_kernel,
	 "most likely every fault: the verifiers of older kernels do not take the programs",
	 "a newer kernel", false},
	{"kernel 6.6", check_tcx,
	 "reset, cut, rate, corrupt, dns and faults of forwarded traffic (tcx)", "a newer kernel",
	 false},
	{"kernel BTF", check_btf,
	 "rate, `existing: adopt` and matching network namespaces; all else loads without it",
	 "CONFIG_DEBUG_INFO_BTF", false},
	{"cgroup v2", check_cgroup2, "every fault: they attach to a cgroup",
	 "mount -t cgroup2 none /sys/fs/cgroup", true},
	{"bpf(2)", check_bpf, "every fault", "CAP_BPF for the daemon, CONFIG_BPF_SYSCALL", true},
	{"clock source", check_clock, "times better than some milliseconds",
	 "a kernel with a high-resolution clock source", false},
	{"authority", check_authority,
	 "answers inside TLS that clients believe, and wrong certificates with one thing wrong",
	 "faultctl ca init NAME..., then faultctl ca trust", false},
	{"daemon", check_daemon, "run, status, lift, halt and release",
	 "start faultd, or name its socket with --socket", true},
};

int verb_doctor(const struct arguments *arguments)
{
	json_t *report = json_array();
	bool json = arguments->format == REPORT_JSON, fit = true;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		char found[FOUND_SIZE] = "";
		bool there = checks[i].check(arguments, found);

		fit = fit && (there || !checks[i].essential);
		json_array_append_new(report, json_pack("{s:s, s:b, s:s, s:s}", "check",
							checks[i].name, "ok", there, "found", found,
							"disables", there ? "" : checks[i].lost));
		if (json)
			continue;
		printf("%-13s %-8s %s\n", checks[i].name, there ? "ok" : "missing", found);
		if (!there)
			printf("%-22s without it: %s\n%-22s remedy: %s\n", "", checks[i].lost, "",
			       checks[i].remedy);
	}
	if (json) {
		json_dumpf(report, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(report);
	return fit ? 0 : 1;
}
