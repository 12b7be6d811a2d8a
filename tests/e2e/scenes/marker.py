"""Something else stands in the marker's place, or there is no room for one."""

import os

from stage.node import MARKER, remove
from stage.scene import scene
from stage.stage import CHRONYD, expect_equal

PRECIOUS = "/run/precious"


def occupied(stage, what, occupy):
    """In sync it makes way for a marker, out of sync it goes; nothing behind it is touched."""
    stage.with_ptp()
    stage.node.write(PRECIOUS, "untouched\n")
    marker = stage.node.path(MARKER)
    stage.step(f"PTP is in sync, and {what} takes the marker's place")
    remove(marker)
    occupy(marker)
    stage.step("a tick: a marker again, chronyd stays stopped")
    stage.tick()
    stage.expect_in_sync()
    stage.step(f"PTP is gone, and {what} takes the marker's place")
    stage.remove_pods()
    remove(marker)
    occupy(marker)
    stage.step("a tick: nothing is there, and chronyd runs")
    stage.tick()
    stage.expect_out()
    expect_equal("what a link led to", "untouched\n", stage.node.path(PRECIOUS).read_text())


@scene
def marker_is_a_directory(stage):
    """A directory with something in it stands in the marker's place"""

    def occupy(marker):
        marker.mkdir()
        (marker / "something").write_text("")

    occupied(stage, "a directory", occupy)


@scene
def marker_is_a_link(stage):
    """A link to a file stands in the marker's place, and is not followed"""
    occupied(stage, "a link", lambda marker: marker.symlink_to(PRECIOUS))


@scene
def marker_is_a_dangling_link(stage):
    """A link to nothing stands in the marker's place, and nothing comes to be behind it"""
    occupied(stage, "a dangling link", lambda marker: marker.symlink_to("/run/nothing"))
    expect_equal("something behind the link", False, os.path.lexists(stage.node.path("/run/nothing")))


@scene
def marker_is_a_fifo(stage):
    """A FIFO stands in the marker's place, and nobody waits for it"""
    occupied(stage, "a FIFO", os.mkfifo)


@scene
def run_is_full(stage):
    """/run is full: no marker can be made, but one can be removed"""
    stage.without_ptp()
    before = stage.chronyd()
    stage.start_pod()
    stage.pod.wait_for_lock()
    stage.step("/run is full, PTP is in sync, a tick: the check fails, chronyd goes on")
    stage.node.fill_run()
    stage.tick()
    stage.expect("the service", "exit-code", stage.result)
    stage.expect("the marker", "absent", stage.node.marker)
    stage.expect_unchanged(before)
    stage.step("there is room again, a tick: in sync")
    stage.node.free_run()
    stage.tick()
    stage.expect_in_sync()
    stage.step("/run is full, PTP is gone, a tick: the marker is removed; chronyd finds no room for its pid file")
    stage.drop_in(CHRONYD, "[Service]\nTimeoutStartSec=2s\n")
    stage.remove_pods()
    stage.node.fill_run()
    stage.tick()
    stage.expect("the marker", "absent", stage.node.marker)
    stage.step("there is room again, a tick: chronyd runs")
    stage.node.free_run()
    stage.tick()
    stage.expect_out()
    stage.expect("the service", "success", stage.result)
