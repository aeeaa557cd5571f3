/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/plan_record.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/file.h"
#include "user/base/number.h"
#include "user/controller/record_json.h"
#include "user/controller/state.h"
#include "user/protocol/plan_json.h"

enum { RECORD_SIZE_MAX = 4096 };

int plan_record_hash(const struct plan *plan, uint64_t *ret_hash)
{
	_cleanup_free_ char *text = NULL;
	uint64_t hash = 0xcbf29ce484222325ULL;
	struct plan bare = *plan; /* borrows what `plan` owns */

	bare.seed = 0;
	bare.shadow = false;
	if (plan_to_json(&bare, &text) < 0)
		return -ENOMEM;
	for (const char *byte = text; *byte; byte++)
		hash = (hash ^ (unsigned char)*byte) * 0x100000001b3ULL;
	*ret_hash = hash;
	return 0;
}

static int find_path(const struct plan *plan, char buffer[PATH_MAX], struct failure *failure)
{
	char below[64];
	uint64_t hash;

	if (plan_record_hash(plan, &hash) < 0)
		return fail(failure, -ENOMEM, "out of memory");
	snprintf(below, sizeof(below), "plans/%016llx.json", (unsigned long long)hash);
	return state_path(below, buffer, failure);
}

int plan_record_write(const struct plan *plan, uint64_t watched_ns, uint64_t realtime_ns,
		      struct failure *failure)
{
	char path[PATH_MAX], directory[PATH_MAX];
	json_t *record;
	int r = state_path("plans", directory, failure);

	if (r == 0)
		r = state_make_directories(directory, failure);
	if (r == 0)
		r = find_path(plan, path, failure);
	if (r < 0)
		return r;
	record = json_pack("{s:s, s:I, s:I}", "title", plan->title, "watched_ns",
			   (json_int_t)watched_ns, "realtime_ns", (json_int_t)realtime_ns);
	if (!record || json_dump_file(record, path, JSON_COMPACT) < 0)
		r = fail(failure, -EIO, "cannot write %s: %s", path, strerror(errno));
	json_decref(record);
	return r;
}

int plan_record_check(const struct plan *plan, uint64_t realtime_ns, struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX], age[NUMBER_DURATION_SIZE];
	json_t *record;
	uint64_t at;
	size_t length;
	int r = find_path(plan, path, failure);

	if (r < 0)
		return r;
	r = file_read(path, RECORD_SIZE_MAX, &text, &length);
	if (r == -ENOENT)
		return fail(
			failure, -ENOENT,
			"this experiment was not watched as it is: faultctl plan FILE --watch 60s");
	if (r < 0)
		return fail(failure, r, "%s: %s", path, strerror(-r));
	record = json_loadb(text, length, 0, NULL);
	at = json_u64(record, "realtime_ns");
	json_decref(record);
	if (at + PLAN_RECORD_FRESH_NS > realtime_ns && at <= realtime_ns)
		return 0;
	number_format_seconds(at <= realtime_ns ? realtime_ns - at : 0, age);
	return fail(failure, -ENOENT,
		    "this experiment was watched %s ago, which is more than a day: faultctl plan "
		    "FILE --watch 60s",
		    age);
}
