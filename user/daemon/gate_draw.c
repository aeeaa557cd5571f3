/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/gate_draw.h"

#include <math.h>

#include "user/experiment/plan.h"

/* Even on [0, 1): the upper 53 bits, which a double holds exactly. */
static double even(__u64 random)
{
	return (double)(random >> 11) * 0x1p-53;
}

static double draw_uniform(double u, double unused)
{
	(void)unused;
	return 2 * u - 1;
}

/* Box and Muller, Annals of Mathematical Statistics 29 (1958). */
static double draw_normal(double u1, double u2)
{
	return sqrt(-2 * log(1 - u1)) * cos(2 * M_PI * u2);
}

/* Lomax of shape 3 by inversion; its mean is half its scale. */
static double draw_pareto(double u, double unused)
{
	(void)unused;
	return 2 * (pow(1 - u, -1.0 / 3) - 1);
}

static double (*const draws[])(double u1, double u2) = {
	[PLAN_DISTRIBUTION_UNIFORM] = draw_uniform,
	[PLAN_DISTRIBUTION_NORMAL] = draw_normal,
	[PLAN_DISTRIBUTION_PARETO] = draw_pareto,
};

__u64 gate_draw(const struct engine_gate *gate, __u64 random1, __u64 random2)
{
	double delay = (double)gate->delay_ns;

	if (gate->jitter_ns)
		delay += (double)gate->jitter_ns *
			 draws[gate->distribution](even(random1), even(random2));
	if (delay <= 0)
		return 0;
	return delay >= (double)PLAN_DELAY_HIGHEST ? PLAN_DELAY_HIGHEST : (__u64)(delay + 0.5);
}
