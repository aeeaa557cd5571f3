# SPDX-License-Identifier: Apache-2.0
"""The recovery oracle, end to end: a scripted service that knows when it was healthy again, and the
real probe loop. The report must be within one probe interval and 5 ms of the truth."""

from scenario import MS, Scenario, main

SLACK_NS = 5 * MS


def outages(*stretches, how="503", slow=0):
    """Fails from the inject to the lift, and in `stretches` (ms after the lift)."""

    def behave(host, t):
        fails = host.injected(t)
        if host.lifted_at and t >= host.lifted_at:
            since = (t - host.lifted_at) / MS
            fails = any(first <= since < last for first, last in stretches)
        if fails:
            return how
        return ("ok", slow) if slow else "ok"

    return behave


def truth_is(after_ms, relapses=0, every_ms=100):
    """Healthy for good `after_ms` after the lift."""

    def check(scenario):
        result, host = scenario.result, scenario.host
        assert scenario.code == 0, (scenario.code, scenario.out)
        truth = host.lifted_at + after_ms * MS
        # Two neighbouring units are due at most one period and its jitter apart.
        interval = every_ms * MS * 11 // 10
        recover = result["time_to_recover"]
        lifted = scenario.report["episodes"][0]["lifted_at"]
        assert lifted["first_ns"] <= host.lifted_at <= lifted["last_ns"], lifted
        error = result["stable_at_ns"] - truth
        assert -SLACK_NS <= error <= interval + SLACK_NS, f"off by {error / MS} ms"
        assert recover["after_ns"] <= after_ms * MS + SLACK_NS, recover
        assert recover["until_ns"] >= after_ms * MS - SLACK_NS, recover
        assert bool(result["relapses"]) == bool(relapses), result["relapses"]
        first = next(t for t, outcome in host.requests if outcome != "ok")
        assert 0 <= scenario.report["episodes"][0]["effective_at_ns"] - first <= SLACK_NS

    return check


def check_never(scenario):
    assert scenario.code == 1, scenario.code
    assert scenario.result["time_to_recover"]["censored"]
    assert scenario.report["reason"] == "work did not recover in episode 1"


def with_a_slow_one(url):
    """A second workflow that takes longer to be called stable keeps the run open for a relapse."""
    work = {"http": {"get": url}, "every": "100ms", "timeout": "400ms",
            "stable": {"successes": 10, "for": "1s"}}
    return {"work": work, "slow": {**work, "stable": {"successes": 10, "for": "3s"}}}


def touch(scenario):
    """The fault acts, but on nothing that the workflow asks for."""

    async def act(scenario):
        await scenario.until(lambda: scenario.host.injected_at)
        scenario.host.touch(scenario.host.injected_at)

    return act(scenario)


def check_unaffected(scenario):
    assert scenario.code == 0
    assert scenario.result["verdict"] == "not_affected"
    assert scenario.result["time_to_recover"] is None


main([
    Scenario("healthy at the lift", outages(), truth_is(0)),
    Scenario("healthy 830 ms after the lift", outages((0, 830)), truth_is(830)),
    Scenario("healthy 2 s after the lift", outages((0, 2000)), truth_is(2000)),
    Scenario("flapping", outages((0, 300), (700, 1100), (1500, 1900)), truth_is(1900)),
    Scenario("connections closed", outages((0, 500), how="close"), truth_is(500)),
    Scenario("hanging requests straddle the lift", outages((0, 600), how="hang"), truth_is(600)),
    Scenario("slow answers", outages((0, 700), slow=0.3), truth_is(700)),
    Scenario("rare probes", outages((0, 900)), truth_is(900, every_ms=400), every="400ms",
             inject="3s", recover="12s"),
    Scenario("retries", outages((0, 1500)), truth_is(1500), retry=4, backoff="200ms"),
    Scenario("relapse", outages((0, 400), (2000, 2350)), truth_is(400, relapses=1),
             workflows=with_a_slow_one),
    Scenario("never", outages((0, 60000)), check_never, recover="4s"),
    Scenario("unaffected", lambda host, t: "ok", check_unaffected, during=touch),
])
