"""The node boots, boots again, and runs for long."""

from stage.materials import HOLDOVER_S
from stage.scene import scene
from stage.stage import TIMER, Stopwatch


@scene
def boot_without_ptp(stage):
    """The node boots without PTP: chronyd runs, chrony-wait is content, a tick changes nothing"""
    stage.without_ptp()
    stage.step("the node is shut down")
    stage.node.power_off()
    stage.step("it boots, and chrony-wait.service sees chronyd in sync")
    stage.expect("the system", "running", lambda: stage.node.boot())
    stage.cursor = stage.node.cursor()
    stage.expect_out()
    stage.expect("failed units", "none", stage.failed_units)
    stage.expect("the timer", "active", lambda: stage.node.show(TIMER, "ActiveState")["ActiveState"])
    stage.step("a tick: chronyd goes on as it was")
    before = stage.chronyd()
    stage.tick()
    stage.expect_unchanged(before)
    stage.expect_reason("no-log")
    stage.expect_silence()


@scene
def reboot_with_old_logs(stage):
    """The node reboots with the logs kept: they are from another boot, until the pod is back"""
    stage.with_ptp()
    stage.step("the node is shut down while PTP is in sync")
    stage.node.power_off()
    stage.step("it boots, the old log in its place: chronyd runs")
    stage.node.boot()
    stage.node.run("systemctl", "stop", TIMER)
    stage.cursor = stage.node.cursor()
    stage.expect_out()
    stage.step("a tick: the old lines are no evidence")
    stage.tick()
    stage.expect_out()
    stage.expect_reason("from-another-boot")
    stage.expect_journal()
    stage.step("the container comes up, and locks")
    stage.pod.start()
    stage.pod.wait_for_lock()
    stage.step("a tick: the marker, and chronyd is stopped")
    stage.tick()
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")


TICKS = 20
EVERY_SECOND = """[Timer]
OnBootSec=
OnUnitInactiveSec=
OnBootSec=1s
OnUnitInactiveSec=1s
RandomizedDelaySec=0
"""


@scene
def steady_in_sync(stage):
    """Twenty ticks while PTP is in sync: nothing starts, and the journal has no line of ours"""
    stage.with_ptp()
    before = stage.chronyd()
    stage.step(f"{TICKS} ticks")
    stage.cursor = stage.node.cursor()
    for _ in range(TICKS):
        stage.tick()
        stage.expect_in_sync()
    stage.expect_unchanged(before)
    stage.expect_silence()


@scene
def steady_out_of_sync(stage):
    """Twenty ticks without PTP: chronyd's process and what it knows stay, and the journal is silent"""
    stage.without_ptp()
    stage.step("chronyd's last eight questions were all answered")
    stage.expect("answers", 8, stage.node.sources, patience=30)
    before = stage.chronyd()
    stage.step(f"{TICKS} ticks")
    stage.cursor = stage.node.cursor()
    for _ in range(TICKS):
        stage.tick()
        stage.expect("answers", 8, stage.node.sources, patience=0)
    stage.expect_unchanged(before)
    stage.expect_out()
    stage.expect_silence()


@scene
def timer_does_it(stage):
    """The timer alone: PTP comes up and goes, and chronyd follows"""
    stage.without_ptp()
    stage.step("the timer, every second; PTP comes up")
    stage.drop_in(TIMER, EVERY_SECOND)
    stage.node.run("systemctl", "start", TIMER)
    stage.start_pod()
    stage.expect("the marker", "there", stage.node.marker, patience=30)
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")
    stage.step("the grandmaster dies; chronyd runs")
    stage.grandmaster.stop()
    lost = Stopwatch()
    stage.expect("the marker", "absent", stage.node.marker, patience=30)
    stage.expect_out()
    # The hold, a second until the next run, and what a busy machine may add.
    lost.expect_at_most("chronyd to run", HOLDOVER_S + 1 + 5)
    stage.expect_journal("out-of-sync reference-lost")
    stage.step("the grandmaster returns; chronyd is stopped")
    stage.grandmaster.start()
    stage.expect("the marker", "there", stage.node.marker, patience=30)
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")
    stage.expect("the service", "success", stage.result)
