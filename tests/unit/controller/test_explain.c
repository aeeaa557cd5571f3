/* SPDX-License-Identifier: Apache-2.0 */
/* What `faultctl plan` says of the gate: who carries a fault out, and what becomes of TLS. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/controller/verb.h"

static const struct experiment_options options = {.presets_directory = "experiments/presets",
						  .answers_directory = "experiments/answers"};

static char *explain(const char *path)
{
	_cleanup_(experiment_free) struct experiment experiment = {0};
	_cleanup_(plan_free) struct plan plan = {0};
	static struct diagnostics diagnostics;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(experiment_load(path, &options, &experiment, &diagnostics), 0);
	assert_int_equal(experiment_compile(&experiment, 1, &plan, NULL), 0);
	assert_int_equal(explain_experiment(&experiment, &plan, out), 0);
	fclose(out);
	return text;
}

static const char *const lines[] = {
	"    delay of 300ms before each request; gate: the client sees a server that takes "
	"longer\n",
	"    delay of 1s with a jitter of 2s (pareto) at the connect; gate: the client sees a "
	"server "
	"that takes longer\n",
	"    drip of 8kbit/s; gate: the client sees a response whose body trickles; over TLS one "
	"that "
	"does not trust the experiment's authority sees a certificate error instead (faultctl ca "
	"trust --check)\n",
	"    certificate expired; gate: the client sees a certificate that it refuses; one that "
	"checks no certificates notices nothing, one that does not trust the experiment's "
	"authority "
	"calls it untrusted\n",
	"    corrupt of a byte in 64KiB after 8KiB; link layer: the client sees changed bytes in "
	"what "
	"the server sends, inside TLS a bad record\n",
	"    answer 410 Gone, body of 7 bytes; message layer: the client sees an HTTP answer; what "
	"is "
	"inside TLS passes\n",
	"body of 239 bytes; gate: the client sees an HTTP answer; over TLS one that does not trust",
};

static void test_effects(void **state)
{
	_cleanup_free_ char *text = explain("tests/unit/experiment/good/wide.yaml");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!strstr(text, lines[i]))
			print_error("%sdoes not hold\n%s", text, lines[i]);
		assert_non_null(strstr(text, lines[i]));
	}
}

/* Plain requests are the kernel's own matter also where TLS is ended. */
static void test_both(void **state)
{
	_cleanup_free_ char *text = explain("experiments/artifact-answer-409-https.yaml");

	(void)state;
	assert_non_null(strstr(text, "; message layer, inside TLS the gate: the client sees"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_both),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
