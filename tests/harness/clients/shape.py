#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shape.py OPTIONS <LINES

Holds what connects.py printed against the shape that a rule was given. The draw of each connection
follows from the seed and its number in the window, so every single outcome is known, but for the
moment between BEFORE and AFTER at which the kernel decided. Prints

  PROBES HITS UNEXPLAINED EARLIEST LATEST

UNEXPLAINED counts outcomes that no moment between BEFORE and AFTER explains. EARLIEST and LATEST,
in ms, are the shifts of the whole shape in time that would explain all of them as well: what the
probes leave open, up to 20 ms.
"""
import argparse
import sys

MASK = (1 << 64) - 1
ALWAYS = 1000000
RULES = 64
SHIFTS_US = range(-20000, 20001, 250)


def mix(value):
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9 & MASK
    value = (value ^ value >> 27) * 0x94d049bb133111eb & MASK
    return value ^ value >> 31


def draw(seed, number, rule):
    drawn = mix(seed + mix(number * RULES + rule) & MASK)
    return (drawn >> 32) * ALWAYS >> 32


class Shape:
    """The share at any moment, and the moments at which it jumps."""

    def __init__(self, options):
        self.options = options
        self.jumps = [options.starts, options.ends]
        if options.flap:
            period, duty = options.flap
            for start in range(options.starts, options.ends, period):
                self.jumps += [start, start + period * duty // ALWAYS]
        if options.fall and options.fall[1]:
            falls_at, steps = options.fall
            self.jumps += [falls_at + (options.ends - falls_at) * i // steps for i in range(steps)]

    def ramp(self, now):
        if not self.options.ramp:
            return self.options.share
        start, end, over = self.options.ramp
        return start + (end - start) * min(now - self.options.starts, over) / over

    def share(self, now):
        options = self.options
        if not options.starts <= now < options.ends:
            return 0
        if options.flap:
            period, duty = options.flap
            if (now - options.starts) % period >= period * duty // ALWAYS:
                return 0
        if not options.fall or now < options.fall[0]:
            return self.ramp(now)
        falls_at, steps = options.fall
        part = (now - falls_at) / (options.ends - falls_at)
        return self.ramp(falls_at) * (1 - (int(part * steps) / steps if steps else part))

    def explains(self, before, after, number, hit, shift):
        """Whether some moment gives the outcome, within two parts of a million."""
        before, after = before - shift, after - shift
        moments = [before, after]
        for jump in self.jumps:
            if before < jump <= after:
                moments += [jump - 1, jump]
        shares = [self.share(moment) for moment in moments]
        return number < max(shares) + 2 if hit else number >= min(shares) - 2


def unexplained(shape, probes, shift):
    return sum(not shape.explains(*probe, shift) for probe in probes)


def numbered(lines, options, first):
    """The probes with their draws, when probe `first` is the first one in the window."""
    return [(before, after, draw(options.seed, max(place - first, 0), options.rule), hit)
            for place, (before, after, hit) in enumerate(lines)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rule", type=int, default=0)
    parser.add_argument("--starts", type=int, required=True)
    parser.add_argument("--ends", type=int, required=True)
    parser.add_argument("--share", type=int, default=ALWAYS)
    parser.add_argument("--ramp", type=int, nargs=3, metavar=("FROM", "TO", "OVER"))
    parser.add_argument("--flap", type=int, nargs=2, metavar=("PERIOD", "DUTY"))
    parser.add_argument("--fall", type=int, nargs=2, metavar=("AT", "STEPS"))
    options = parser.parse_args()
    shape = Shape(options)
    lines = [(int(before), int(after), outcome != "ok")
             for before, after, outcome in map(str.split, sys.stdin)]
    # Of a probe that was under way when the window opened it is not known whether it is the first.
    probes = min((numbered(lines, options, first) for first in range(
        sum(after < options.starts for _, after, _ in lines),
        sum(before < options.starts for before, _, _ in lines) + 1)),
                 key=lambda probes: unexplained(shape, probes, 0))
    possible = [shift / 1000 for shift in SHIFTS_US
                if all(shape.explains(*probe, shift * 1000) for probe in probes)]
    print(len(probes), sum(probe[3] for probe in probes), unexplained(shape, probes, 0),
          min(possible, default=99), max(possible, default=99))
    return 0


if __name__ == "__main__":
    sys.exit(main())
