/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/verb.h"

#include <stdarg.h>

#include "user/base/cleanup.h"

const struct verb verbs[] = {
	{"validate", verb_validate, "FILE...", 1, SIZE_MAX, "p",
	 "Check experiment files; needs no daemon and no privilege", NULL},
	{"plan", verb_plan, "FILE", 1, 1, "sonpw", "Say what a run would do, without a daemon",
	 "-o json prints the plan that the daemon would be sent. With --watch the daemon counts "
	 "for a "
	 "while what each fault would hit, by unit, process, destination and name; nothing is "
	 "touched."},
	{"run", verb_run, "FILE [FILE]", 1, 2, "sdOnqrpfkc",
	 "Run an experiment and report its verdict",
	 "Commands of workflows run as the invoking user, also when faultctl itself was started "
	 "through sudo; --as-root leaves them to root. The first SIGINT lifts the faults and "
	 "reports; a second one ends at once. Without a report for standard output, the table goes "
	 "there. With --repeat the runs are "
	 "reported together; with --compare two experiments are run in turns, 5 times each or "
	 "as --repeat says."},
	{"report", verb_report, "JOURNAL", 1, 1, "O",
	 "Report a run again, from its journal or its directory",
	 "Without a report for standard output, the table goes there. The exit code is the run's."},
	{"compare", verb_compare, "DIRECTORY [DIRECTORY]", 1, 2, "On",
	 "Compare runs that were made: their medians, intervals, and which is better",
	 "A directory is that of one run, or holds those of several. Reports are table, json or "
	 "html."},
	{"status", verb_status, "", 0, 0, "so", "Say what is armed on this host", NULL},
	{"lift", verb_lift, "[FAULT...]", 0, SIZE_MAX, "s",
	 "Lift faults of the run on this host, or all", NULL},
	{"halt", verb_halt, "", 0, 0, "s", "Lift everything at once and refuse new runs", NULL},
	{"release", verb_release, "", 0, 0, "s", "End a halt", NULL},
	{"presets", verb_presets, "[NAME]", 0, 1, "opa",
	 "List the presets or the named answers, or show one", NULL},
	{"ca", verb_ca, "init|show|trust [NAME|FILE...]", 1, SIZE_MAX, "opClte",
	 "Make, show or check the authority for faults inside TLS",
	 "'ca init' makes one, as root, that can sign for the given host names and those below "
	 "them, "
	 "and for nothing else; a FILE stands for the names that an experiment matches. 'ca trust' "
	 "says which clients on this host trust it and how to make the others; with --check it "
	 "ends "
	 "with 1 when one of them does not."},
	{"doctor", verb_doctor, "", 0, 0, "so",
	 "Say what this host can do, and what is missing for the rest", NULL},
};
const size_t verbs_count = ARRAY_SIZE(verbs);

void verb_complain(const char *format, ...)
{
	va_list arguments;

	fputs("faultctl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
