/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the schema's tables share. */
#ifndef EXPERIMENT_SCHEMA_MACROS_H
#define EXPERIMENT_SCHEMA_MACROS_H

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/experiment.h"
#include "user/experiment/schema.h"

#define MINUTE	 (60 * NS_PER_S)
#define HOUR	 (60 * MINUTE)
#define DAY	 (24 * HOUR)
#define PERCENT	 10000ULL /* one percent in parts per million */
#define NO_FIELD .field = SCHEMA_NO_FIELD, .has_field = SCHEMA_NO_FIELD
/* Where a value goes, and where it is told that it was given. */
#define FIELD(type, member) .field = offsetof(type, member), .has_field = SCHEMA_NO_FIELD
#define OPTIONAL_FIELD(type, member, has)                                                          \
	.field = offsetof(type, member), .has_field = offsetof(type, has)
#define SCHEMA(variable, marker, description, table)                                               \
	const struct schema variable = {.name = (marker),                                          \
					.what = (description),                                     \
					.keys = (table),                                           \
					.count = ARRAY_SIZE(table)}

#endif
