"""The log is rotated, begun anew, or somebody else's."""

from stage.node import remove
from stage.pod import CONTAINER, PODS
from stage.scene import scene
from stage.stage import expect_equal


@scene
def log_is_rotated(stage):
    """The log is rotated, and rotated again with the first compressed: in sync all the time"""
    stage.with_ptp()
    before = stage.chronyd()
    stage.step("rotated, with nothing in the new log yet: a tick reads the old one")
    stage.pod.freeze()
    first = stage.pod.rotate()
    expect_equal("the new log's size", 0, stage.pod.position())
    stage.tick()
    stage.expect_in_sync()
    stage.step("the new log fills")
    stage.pod.thaw()
    stage.pod.wait_for_lock()
    stage.tick()
    stage.expect_in_sync()
    stage.step("rotated again, the first is compressed, the new log is empty")
    stage.pod.freeze()
    stage.node.run("gzip", first)
    stage.pod.rotate()
    stage.tick()
    stage.expect_in_sync()
    stage.pod.thaw()
    stage.expect_unchanged(before)
    stage.expect_journal()


@scene
def only_compressed_log(stage):
    """The new log is empty and the old one only there as .gz: that is no evidence, chronyd runs"""
    stage.with_ptp()
    stage.step("the log is rotated and compressed, while the pod says nothing")
    stage.pod.freeze()
    stage.node.run("gzip", stage.pod.rotate())
    stage.step("a tick: no marker, and chronyd runs")
    stage.tick()
    stage.expect_out()
    stage.step("the pod goes on: in sync again")
    stage.pod.thaw()
    stage.pod.wait_for_lock()
    stage.tick()
    stage.expect_in_sync()


@scene
def container_restarts(stage):
    """The container restarts: its new log counts, and the old one no longer"""
    stage.with_ptp()
    stage.step("the container dies and starts again, into 1.log, where it never locks")
    stage.pod.kill()
    stage.pod.start(free_running=True)
    stage.pod.wait_for("phc offset .* s2 ")
    stage.pod.wait_for("master offset .* s0 ")
    stage.step("a tick: what 0.log says does not count, no marker, and chronyd runs")
    stage.tick()
    stage.expect_out()
    stage.expect_reason("servo-unlocked")
    stage.step("once more, into 2.log, and it locks")
    stage.pod.kill()
    stage.pod.start()
    stage.pod.wait_for_lock()
    stage.step("a tick: the marker, and chronyd is stopped")
    stage.tick()
    stage.expect_in_sync()
    stage.expect_log("2.log")
    stage.expect_journal("out-of-sync servo-unlocked", "in-sync within-limit")


@scene
def pod_is_created_anew(stage):
    """The pod is re-created with a new uid: in sync by the new one's log, beside the old one's"""
    stage.with_ptp()
    old = stage.pod
    stage.step("the pod is killed, and a new one locks; the old log is still there")
    old.kill()
    new = stage.start_pod()
    new.wait_for_lock()
    stage.step("a tick: in sync, by the new log")
    stage.tick()
    stage.expect_in_sync()
    stage.expect_log(new.log())
    stage.step("the old log is removed; a tick")
    old.delete()
    stage.tick()
    stage.expect_in_sync()
    stage.expect_log(new.log())


@scene
def imitation_in_another_namespace(stage):
    """A pod of another namespace imitates ours, also through links: never read, chronyd goes on"""
    stage.without_ptp()
    before = stage.chronyd()
    stage.step("a pod of the same name in another namespace says that all is well")
    imitation = stage.start_pod(namespace="openshift-ptp-too")
    imitation.wait_for_lock()
    stage.tick()
    stage.expect_reason("no-log")
    stage.expect_unchanged(before)
    stage.step("a link that looks like our pod leads to it")
    link = stage.node.path(f"{PODS}/openshift-ptp_linuxptp-daemon-link_0")
    link.symlink_to(imitation.directory)
    stage.tick()
    stage.expect("the marker", "absent", stage.node.marker)
    stage.expect_unchanged(before)
    stage.step("so does a log in a directory of our own")
    remove(link)
    (link / CONTAINER).mkdir(parents=True)
    (link / CONTAINER / "0.log").symlink_to(imitation.log())
    stage.tick()
    stage.expect("the marker", "absent", stage.node.marker)
    stage.expect_unchanged(before)
    stage.step("our own pod runs free beside it")
    remove(link)
    stage.start_pod(free_running=True)
    stage.pod.wait_for("phc offset .* s2 ")
    stage.pod.wait_for("master offset .* s0 ")
    stage.tick()
    stage.expect_reason("servo-unlocked")
    stage.expect_log(stage.pod.log())
    stage.expect_unchanged(before)
    stage.expect_journal()
