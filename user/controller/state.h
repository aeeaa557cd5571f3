/* SPDX-License-Identifier: Apache-2.0 */
/* Where faultctl keeps what outlives it: $XDG_STATE_HOME/faultctl, or ~/.local/state/faultctl. */
#ifndef CONTROLLER_STATE_H
#define CONTROLLER_STATE_H

#include <limits.h>

#include "user/base/failure.h"

/* The path of `below` in there. 0, or -errno with the cause when no such place is known. */
int state_path(const char *below, char buffer[PATH_MAX], struct failure *failure);

/* Makes the directory `path` and its parents; one that is there is fine. 0 or -errno. */
int state_make_directories(const char *path, struct failure *failure);

#endif
