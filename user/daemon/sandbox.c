/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"

/* By name: what an architecture does not have is left out. */
static const char *const allowed[] = {
	/* Memory, threads and time. */
	"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "futex", "futex_time64",
	"set_robust_list", "rseq", "exit", "exit_group", "sched_yield", "sched_getaffinity",
	"sched_getparam", "sched_getscheduler", "sched_setscheduler", "gettid", "getpid", "getppid",
	"tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday",
	"time", "restart_syscall", "getrandom", "uname", "sysinfo", "prlimit64", "getrlimit",
	"getuid", "geteuid", "getgid", "getegid", "membarrier", "set_tid_address",
	/* Reading and writing what is open. */
	"read", "pread64", "readv", "write", "writev", "close", "lseek", "_llseek", "fstat",
	"fstat64", "newfstatat", "fstatat64", "stat", "stat64", "statx", "lstat", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd",
	"fcntl", "fcntl64", "dup", "ioctl", "pipe2", "eventfd2", "fstatfs", "statfs",
	/* Sockets: the API's, and the resolver's. */
	"accept", "accept4", "connect", "bind", "shutdown", "sendto", "sendmsg", "sendmmsg",
	"recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "getsockname", "getpeername",
	"getsockopt", "setsockopt", "poll", "ppoll", "ppoll_time64", "select", "_newselect",
	"pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait"};

/* Of the gate: its memory, and what is open already. Nothing opens, binds or connects. */
static const char *const allowed_gate[] = {"brk",
					   "munmap",
					   "mremap",
					   "madvise",
					   "futex",
					   "futex_time64",
					   "exit",
					   "exit_group",
					   "rt_sigreturn",
					   "restart_syscall",
					   "getrandom",
					   "getpid",
					   "gettid",
					   "tgkill",
					   "rt_sigprocmask",
					   "clock_gettime",
					   "clock_gettime64",
					   "clock_nanosleep",
					   "clock_nanosleep_time64",
					   "nanosleep",
					   "gettimeofday",
					   "time",
					   "read",
					   "write",
					   "writev",
					   "close",
					   "fstat",
					   "fstat64",
					   "newfstatat",
					   "ioctl",
					   "sendto",
					   "sendmsg",
					   "recvfrom",
					   "recvmsg",
					   "getsockopt",
					   "shutdown",
					   "epoll_ctl",
					   "epoll_wait",
					   "epoll_pwait",
					   "timerfd_settime",
					   "timerfd_settime64"};

/* Nothing in these processes has a use for these. */
static const char *const deadly[] = {
	/* Files and namespaces, code, other processes, identity. */
	"execve",
	"execveat",
	"ptrace",
	"bpf",
	"mount",
	"umount2",
	"pivot_root",
	"chroot",
	"setns",
	"unshare",
	"init_module",
	"finit_module",
	"kexec_load",
	"process_vm_writev",
	"userfaultfd",
	"perf_event_open",
	"keyctl",
	"add_key",
	"setuid",
	"setresuid",
	"reboot",
	"swapon",
	"open_by_handle_at",
	"fork",
	"vfork"};

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const names[],
		     size_t count)
{
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		if (number >= 0)
			r = seccomp_rule_add(filter, action, number, 0);
	}
	return r;
}

/* Calls that are allowed with some arguments only. */
static int add_limited(scmp_filter_ctx filter)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(families); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	/* The arguments of clone3 are out of a filter's sight: libc falls back to clone. */
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
				     seccomp_syscall_resolve_name("clone3"), 0);
	return r;
}

/* Memory that is executed was there before. */
static int limit_gate(scmp_filter_ctx filter)
{
	static const char *const names[] = {"mmap", "mmap2", "mprotect"};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(names); i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		if (number >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
					     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	}
	return r;
}

static int enter(const char *const names[], size_t count, int (*limit)(scmp_filter_ctx filter),
		 struct failure *failure)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return fail(failure, -ENOMEM, "out of memory");
	r = add_names(filter, SCMP_ACT_ALLOW, names, count);
	if (!r)
		r = add_names(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_SIZE(deadly));
	if (!r)
		r = limit(filter);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r ? fail(failure, r, "installing the system call filter: %s", strerror(-r)) : 0;
}

int sandbox_enter(struct failure *failure)
{
	return enter(allowed, ARRAY_SIZE(allowed), add_limited, failure);
}

int sandbox_enter_gate(struct failure *failure)
{
	return enter(allowed_gate, ARRAY_SIZE(allowed_gate), limit_gate, failure);
}
