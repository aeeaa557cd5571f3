/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the matches of a draft to what the kernel programs look up. Pure.
 *
 * A look-up returns one value per dimension, so every value must hold the bits of all rules that it
 * speaks for: its own, those of every shorter entry that contains it (an LPM returns only the
 * longest), and those of rules that do not constrain the dimension at all.
 */
#ifndef DAEMON_CLASSIFY_H
#define DAEMON_CLASSIFY_H

#include "user/daemon/draft.h"

/* Entries of one map, ready to be written. Keys and values lie densely. */
struct classify_table {
	size_t key_size, value_size, count;
	unsigned char *keys, *values; /* owned */
};

struct classified {
	struct fault_control control;	  /* masks and flags; times are 0 */
	struct classify_table ports;	  /* __u32 → struct fault_masks */
	struct classify_table prefixes4;  /* struct fault_prefix4 → struct fault_masks */
	struct classify_table prefixes6;  /* struct fault_prefix6 → struct fault_masks */
	struct classify_table names;	  /* struct fault_name_key → __u64 */
	struct classify_table paths;	  /* struct fault_path_key → __u64 */
	struct classify_table commands;	  /* FAULT_COMMAND_MAX bytes → __u64 */
	struct classify_table users;	  /* __u32 → __u64 */
	struct classify_table namespaces; /* __u32 → __u64 */
	struct classify_table learned;	  /* 16 bytes → struct fault_learned; expires is 0 */
};

/* Fills `ret_classified`, which lives no longer than `draft`. 0 or -ENOMEM. */
int classify(const struct draft *draft, struct classified *ret_classified);
void classified_free(struct classified *classified);

/* Value of the longest entry of `names` that holds `name` (exact, lower case), or any_name. */
__u64 classify_name(const struct classified *classified, const char *name);

/* Rules that user `user` and network namespace `inode` leave of a connection whose process is not
 * known. */
__u64 classify_owner(const struct classified *classified, __u32 user, __u32 inode);

/* The masks that the kernel's look-ups of port and destination would AND together. */
struct fault_masks classify_destination(const struct classified *classified, const __u8 address[16],
					__u32 protocol, __u16 port);

#endif
