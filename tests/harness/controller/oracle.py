# SPDX-License-Identifier: Apache-2.0
"""The recovery oracle, end to end: a scripted service that knows when it was healthy again, and the
real probe loop. The report must be within one probe interval and 5 ms of the truth."""

from scenario import MS, Scenario, main

SLACK_NS = 5 * MS


def outages(*stretches, how="503", slow=0):
    """Fails from the inject to the lift, and in `stretches` (ms after the lift)."""

    def behave(host, t):
        fails = host.injected(t)
        if host.ended(t):
            since = (t - host.ended(t)) / MS
            fails = any(first <= since < last for first, last in stretches)
        if fails:
            return how
        return ("ok", slow) if slow else "ok"

    return behave


def truth_is(after_ms, relapses=0, every_ms=100, first_ms=None, lag_ms=0):
    """Healthy for good `after_ms` after the lift, for the first time `first_ms` after it; a unit
    takes up to `lag_ms` to fail or to succeed."""

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
        # Early, too: the deciding unit may have begun while the service still failed others.
        assert abs(error) <= interval + SLACK_NS, f"off by {error / MS} ms"
        assert recover["after_ns"] <= after_ms * MS + SLACK_NS, recover
        assert recover["until_ns"] >= after_ms * MS - SLACK_NS, recover
        assert bool(result["relapses"]) == bool(relapses), result["relapses"]
        # Every other point in time, against the instants at which the service changed.
        lag = interval + lag_ms * MS + SLACK_NS
        failed = result["first_failure_at_ns"] - host.injected_at
        assert -SLACK_NS <= failed <= lag, f"first failure off by {failed / MS} ms"
        detected = result["detected_at_ns"] - host.injected_at
        due = 2 * every_ms * MS * 9 // 10
        assert -interval - SLACK_NS <= detected - due <= lag + interval, detected
        healthy = host.lifted_at + (after_ms if first_ms is None else first_ms) * MS
        success = result["first_success_at_ns"] - healthy
        assert -SLACK_NS <= success <= lag, f"first success off by {success / MS} ms"
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
    Scenario("healthy 10 ms after the lift", outages((0, 10)), truth_is(10)),
    Scenario("healthy 105 ms after the lift", outages((0, 105)), truth_is(105)),
    Scenario("healthy 830 ms after the lift", outages((0, 830)), truth_is(830)),
    Scenario("healthy 2 s after the lift", outages((0, 2000)), truth_is(2000)),
    Scenario("healthy 5 s after the lift", outages((0, 5000)), truth_is(5000)),
    Scenario("flapping", outages((0, 300), (700, 1100), (1500, 1900)),
             truth_is(1900, first_ms=300)),
    Scenario("flapping from a healthy lift", outages((400, 800), (1200, 1300)),
             truth_is(1300, first_ms=0)),
    Scenario("connections closed", outages((0, 500), how="close"), truth_is(500)),
    Scenario("connections closed, then flapping", outages((0, 250), (500, 900), how="close"),
             truth_is(900, first_ms=250)),
    Scenario("hanging requests straddle the lift", outages((0, 600), how="hang"),
             truth_is(600, lag_ms=400)),
    Scenario("hanging requests at the lift alone", outages((0, 50), how="hang"),
             truth_is(50, lag_ms=400)),
    Scenario("slow answers", outages((0, 700), slow=0.3), truth_is(700, lag_ms=300)),
    Scenario("frequent probes", outages((0, 333)), truth_is(333, every_ms=40), every="40ms"),
    Scenario("rare probes", outages((0, 900)), truth_is(900, every_ms=400), every="400ms",
             inject="3s", recover="12s"),
    Scenario("retries", outages((0, 1500)), truth_is(1500, lag_ms=1600), retry=4,
             backoff="200ms"),
    Scenario("relapse", outages((0, 400), (2000, 2350)), truth_is(400, relapses=1),
             workflows=with_a_slow_one),
    Scenario("relapse at once after being stable", outages((0, 200), (1700, 1800)),
             truth_is(200, relapses=1), workflows=with_a_slow_one),
    Scenario("never", outages((0, 60000)), check_never, recover="4s"),
    Scenario("never, connections closed", outages((0, 60000), how="close"), check_never,
             recover="4s"),
    Scenario("never, but for moments", outages((0, 900), (1300, 2200), (2600, 60000)), check_never,
             recover="4s"),
    Scenario("unaffected", lambda host, t: "ok", check_unaffected, during=touch),
])
