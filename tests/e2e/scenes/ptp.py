"""PTP comes, goes, steps and does not lock."""

from stage.materials import HOLDOVER_S, SYNC_AGE_S
from stage.scene import scene
from stage.stage import Stopwatch, expect_equal

# What a busy machine may add.
SLOWNESS_S = 5


@scene
def ptp_comes_up(stage):
    """PTP comes up: marker, chronyd stopped, chrony-wait not failed"""
    stage.without_ptp()
    stage.expect_ntp()
    stage.step("ptp4l and phc2sys start and lock")
    stage.start_pod()
    stage.pod.wait_for_lock()
    stage.step("a tick: the marker, and chronyd is stopped")
    stage.tick()
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")
    stage.step("chrony-wait.service went along with chronyd, and has not failed")
    wait = {"ActiveState": "inactive", "Result": "success"}
    stage.expect("chrony-wait.service", wait, lambda: stage.node.show("chrony-wait.service", *wait))


@scene
def grandmaster_dies(stage):
    """The grandmaster dies: held, then out, chronyd back, its server reached again"""
    stage.with_ptp()
    stage.step("the grandmaster dies, and the port leaves SLAVE")
    end = stage.pod.position()
    stage.grandmaster.stop()
    stage.pod.wait_for("SLAVE to ", after=end)
    lost = Stopwatch()
    stage.step("a tick: held, the marker stays")
    stage.tick()
    stage.expect_reason("holding")
    stage.expect_in_sync()
    stage.expect_journal()
    stage.step("ticks until the hold is over: no marker, and chronyd runs")
    stage.tick_until_out()
    stage.expect_out()
    stage.expect_reason("reference-lost")
    stage.expect_journal("out-of-sync reference-lost")
    lost.expect_at_most("chronyd to run", HOLDOVER_S + SLOWNESS_S)
    stage.step("chronyd reaches its server")
    stage.expect_ntp()


@scene
def grandmaster_returns(stage):
    """The grandmaster returns after a loss: in sync again, chronyd stopped"""
    stage.with_ptp()
    stage.step("the grandmaster dies, and the hold runs out")
    stage.grandmaster.stop()
    stage.tick_until_out()
    stage.expect_out()
    stage.expect_journal("out-of-sync reference-lost")
    stage.step("the grandmaster returns, and ptp4l locks")
    end = stage.pod.position()
    stage.grandmaster.start()
    stage.pod.wait_for("to SLAVE on", after=end)
    stage.pod.wait_for_lock()
    stage.step("a tick: the marker, and chronyd is stopped")
    stage.tick()
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")


def card_steps(stage, step_ns):
    """The system clock is off at once, whatever ptp4l says, and is followed until it is back."""
    stage.with_ptp()
    stage.step(f"the card steps by {step_ns / 1000:.0f} us, and phc2sys prints it")
    end = stage.pod.position()
    stage.card.set(offset_ns=step_ns)
    stage.pod.wait_for(r"CLOCK_REALTIME phc offset +-?(1[3-9]|\d\d)\d{4}", after=end)
    stage.step("a tick: no marker, and chronyd runs")
    stage.tick()
    stage.expect_out()
    stage.expect_reason("offset-over-limit")
    stage.expect_journal("out-of-sync offset-over-limit")
    stage.step("phc2sys pulls in")
    stage.pod.wait_for_lock()
    stage.step("a tick: the marker, and chronyd is stopped")
    stage.tick()
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")


@scene
def card_steps_by_150_us(stage):
    """The hardware clock steps by 150 us: out at once, in again when phc2sys has caught up"""
    card_steps(stage, 150_000)


@scene
def card_steps_by_1_ms(stage):
    """The hardware clock steps by 1 ms: out at once, in again when phc2sys has caught up"""
    card_steps(stage, 1_000_000)


@scene
def servo_never_locks(stage):
    """ptp4l runs free: tiny offsets, s0 for ever, never in sync"""
    stage.without_ptp()
    stage.step("ptp4l prints offsets within the limit, all of them s0")
    before = stage.chronyd()
    stage.start_pod(free_running=True)
    stage.pod.wait_for(r"master offset +-?\d{1,4} s0 ")
    stage.pod.wait_for(r"CLOCK_REALTIME phc offset .* s2 ")
    stage.step("ticks: no marker, chronyd goes on")
    for _ in range(3):
        stage.tick()
    stage.expect_reason("servo-unlocked")
    stage.expect_unchanged(before)
    stage.expect_journal()


@scene
def phc2sys_dies(stage):
    """ptp4l is fine, but phc2sys is gone: nobody steers the system clock, out after SYNC_AGE"""
    stage.with_ptp()
    stage.step("phc2sys is killed; ptp4l goes on")
    stage.pod.kill_program("phc2sys")
    lost = Stopwatch()
    stage.tick()
    stage.expect_in_sync()
    stage.step("ticks until its last line is too old: no marker, and chronyd runs")
    stage.tick_until_out()
    stage.expect_out()
    stage.expect_reason("stale")
    stage.expect_journal("out-of-sync stale")
    lost.expect_at_most("chronyd to run", SYNC_AGE_S + SLOWNESS_S)


def log_reduction(stage, reduce):
    stage.without_ptp()
    stage.step("ptp4l and phc2sys start and lock")
    stage.start_pod(reduce=reduce)
    stage.pod.wait_for("UNCALIBRATED to SLAVE")
    stage.pod.wait_for("phc offset summary" if reduce == "enhanced" else "phc offset .* s2 ")


@scene
def log_reduction_true(stage):
    """Log reduction `true`: the port's state stands in for ptp4l's offsets, in sync and out"""
    log_reduction(stage, "true")
    stage.tick_until_in()
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")
    expect_equal("lines of ptp4l's offsets", [], [line for line in stage.pod.lines() if "master offset" in line])
    lose_and_expect_out(stage)


@scene
def log_reduction_enhanced(stage):
    """Log reduction `enhanced`: summaries stand in for samples, in sync and out"""
    log_reduction(stage, "enhanced")
    stage.pod.wait_for("master offset summary: cnt=")
    stage.tick_until_in()
    stage.expect_in_sync()
    stage.expect_journal("in-sync within-limit")
    lose_and_expect_out(stage)


def lose_and_expect_out(stage):
    stage.step("the grandmaster dies: held, then no marker, and chronyd runs")
    end = stage.pod.position()
    stage.grandmaster.stop()
    stage.pod.wait_for("SLAVE to ", after=end)
    stage.tick()
    stage.expect_reason("holding")
    stage.tick_until_out()
    stage.expect_out()
    stage.expect_journal("out-of-sync reference-lost")


@scene
def ptp_is_removed(stage):
    """PTP is removed altogether: pod and log are gone, chronyd runs after the next tick"""
    stage.with_ptp()
    stage.step("the operator is removed, with its pod and its logs")
    stage.remove_pods()
    stage.step("a tick: no marker, and chronyd runs")
    stage.tick()
    stage.expect_out()
    stage.expect_reason("no-log")
    stage.expect_journal("out-of-sync no-log")
    stage.expect_ntp()
