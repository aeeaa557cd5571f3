/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of small YAML files that are known by name: presets and answers. */
#ifndef EXPERIMENT_CATALOGUE_H
#define EXPERIMENT_CATALOGUE_H

#include <stddef.h>

#include "user/experiment/plan.h"

/* The file of `name` in `directory`. -ENOENT when there is none, or `name` is no name. */
int catalogue_path(const char *directory, const char *name, char *buffer, size_t size);

/* Names of all files in `directory`, sorted. 0 or -errno. */
int catalogue_list(const char *directory, struct strings *ret_names);

/*
 * Where the files of `kind` ("presets") are: what the environment's `variable` says, else
 * ../experiments/KIND beside the running program, else the installed place. -ENOENT when there is
 * none, -ENAMETOOLONG.
 */
int catalogue_directory(const char *kind, const char *variable, char *buffer, size_t size);

#endif
