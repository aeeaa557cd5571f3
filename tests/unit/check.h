/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka.h asks to be included in front of it, and cmocka itself. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own name for fail_msg() hides fail() of user/base/failure.h. */
#undef fail
/* cmocka's own fail_msg() calls fail(). */
#undef fail_msg
#define fail_msg(...)                                                                              \
	do {                                                                                       \
		print_error(__VA_ARGS__);                                                          \
		print_error("\n");                                                                 \
		_fail(__FILE__, __LINE__);                                                         \
	} while (0)

#endif
