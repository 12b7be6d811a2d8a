"""The wall clock jumps, for the check and for the log alike."""

from stage.scene import scene

HOUR_S = 3600
# What runs is the program, but it is told the time.
TOLD = """#!/bin/sh
now=$(date --utc --date='{shift} seconds' +%FT%T.%NZ)
read -r uptime _ </proc/uptime
exec /usr/local/bin/ptp-sync-check.whole --now "$now" --uptime "$uptime"
"""


def jumps(stage, shift_s, reason):
    """What was written before is no evidence; the next line is."""
    stage.with_ptp()
    stage.step("the wall clock jumps, and nothing has been written since")
    stage.pod.freeze()
    stage.card.set(wall_shift_s=shift_s)
    stage.node.path("/usr/local/bin/ptp-sync-check").rename(stage.node.path("/usr/local/bin/ptp-sync-check.whole"))
    stage.replace_check(TOLD.format(shift=shift_s))
    stage.step("a tick: no marker, and chronyd runs")
    stage.tick()
    stage.expect_out()
    stage.expect_reason(reason)
    stage.step("the next lines are stamped by the new time")
    end = stage.pod.position()
    stage.pod.thaw()
    stage.pod.wait_for("master offset .* s2 (?s:.*)phc offset .* s2 ", after=end)
    stage.pod.wait_for_lock()
    stage.step("a tick: the marker, and chronyd is stopped")
    stage.tick()
    stage.expect_in_sync()


@scene
def wall_clock_an_hour_ahead(stage):
    """The wall clock jumps an hour ahead: out until the next line, then in sync"""
    # The node has been up for less than an hour, so that its lines seem to be older than it is.
    jumps(stage, HOUR_S, "from-another-boot")


@scene
def wall_clock_an_hour_back(stage):
    """The wall clock jumps an hour back: out until the next line, then in sync"""
    jumps(stage, -HOUR_S, "from-the-future")
