# SPDX-License-Identifier: Apache-2.0
# Reads lines `ROUND SIDE WHAT VALUE` and prints, for each WHAT and each SIDE but `nothing`, the median
# VALUE of `nothing` and of the side, and the median of the rounds' ratios with the lowest and the
# highest. A round may measure more than once: its values are added. Words of WHAT are joined by `_`.

{
	if (!($2 in known_side) && $2 != "nothing") {
		known_side[$2] = 1
		sides[++sides_count] = $2
	}
	if (!($3 in known_what)) {
		known_what[$3] = 1
		whats[++whats_count] = $3
	}
	if (!($1 in known_round)) {
		known_round[$1] = 1
		rounds[++rounds_count] = $1
	}
	sum[$1, $2, $3] += $4
}

# Sorts list[1..count] in place: there are few.
function order(list, count,    i, j, value) {
	for (i = 2; i <= count; i++) {
		value = list[i]
		for (j = i - 1; j >= 1 && list[j] > value; j--)
			list[j + 1] = list[j]
		list[j + 1] = value
	}
}

function middle(list, count) {
	return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
}

function print_pair(side, what,    i, count, without, with, ratio, base, other) {
	for (i = 1; i <= rounds_count; i++) {
		base = sum[rounds[i], "nothing", what]
		other = sum[rounds[i], side, what]
		if (base <= 0 || other <= 0)
			continue
		count++
		without[count] = base
		with[count] = other
		ratio[count] = other / base
	}
	if (!count)
		return
	order(without, count)
	order(with, count)
	order(ratio, count)
	gsub("_", " ", what)
	printf "%-34s %-8s %13.0f %12.0f   %.3f (%.3f to %.3f)\n", what, side, middle(without, count),
		middle(with, count), middle(ratio, count), ratio[1], ratio[count]
}

END {
	printf "%-34s %-8s %13s %12s   %s\n", "per second", "armed", "nothing armed", "armed",
		"ratio: median (lowest to highest)"
	for (w = 1; w <= whats_count; w++)
		for (s = 1; s <= sides_count; s++)
			print_pair(sides[s], whats[w])
}
