"""The check itself fails, in whatever way: the failsafe has chronyd run."""

from stage.scene import scene
from stage.stage import SERVICE
from stage.wait import until

CHECK = "/usr/local/bin/ptp-sync-check"
# At byte 18 of an ELF file. Nobody has a program that runs others' Itanium binaries, while those
# of living architectures may be emulated here.
MACHINE, ITANIUM = 18, 50


def failing(stage, how, result, break_it, tick=None):
    """From in sync: the broken check, the failsafe, and back when the check is whole again."""
    stage.with_ptp()
    whole = stage.node.path(CHECK).read_bytes()
    stage.step(f"a tick with a check that {how}")
    break_it(whole)
    (tick or stage.tick)()
    stage.expect("the service", result, lambda: stage.result().replace("core-dump", "signal"))
    stage.step("the failsafe: no marker, and chronyd runs")
    stage.expect_out()
    stage.expect("failed units", SERVICE, stage.failed_units)
    stage.step("the check is whole again: in sync after a tick")
    stage.node.install(stage.tree)
    stage.tick()
    stage.expect_in_sync()


@scene
def check_is_killed(stage):
    """The check is killed while it runs"""

    def tick():
        stage.node.run("systemctl", "start", "--no-block", SERVICE)
        until("the check to run", lambda: stage.node.show(SERVICE, "ControlPID")["ControlPID"] != "0")
        stage.node.run("systemctl", "kill", "--signal=KILL", SERVICE)
        stage.settle()

    hangs = "#!/bin/sh\nexec sleep 600\n"
    failing(stage, "is killed", "signal", lambda _: stage.replace_check(hangs), tick)


@scene
def check_crashes(stage):
    """The check crashes"""
    crashes = "#!/bin/sh\nkill -SEGV $$\n"
    failing(stage, "crashes", "signal", lambda _: stage.replace_check(crashes))


@scene
def check_hangs(stage):
    """The check hangs, and systemd ends it"""

    def hang(_):
        stage.replace_check("#!/bin/sh\nexec sleep 600\n")
        stage.drop_in(SERVICE, "[Service]\nTimeoutStartSec=2s\n")

    failing(stage, "hangs", "timeout", hang)


@scene
def check_is_missing(stage):
    """The check is not there"""
    failing(stage, "is not there", "exit-code", lambda _: stage.replace_check(None))


@scene
def check_is_not_executable(stage):
    """The check is not executable"""
    failing(stage, "is not executable", "exit-code", lambda whole: stage.replace_check(whole, mode=0o644))


@scene
def check_is_for_another_machine(stage):
    """The check is built for another architecture"""

    def other(whole):
        elf = bytearray(whole)
        elf[MACHINE] = ITANIUM
        stage.replace_check(bytes(elf))

    failing(stage, "is for another machine", "exit-code", other)


@scene
def bad_setting(stage):
    """A drop-in has a value that cannot be read: said by name, no marker, and chronyd runs"""
    stage.with_ptp()
    stage.step("a tick with MAX_OFFSET=lots")
    stage.drop_in(SERVICE, "[Service]\nEnvironment=MAX_OFFSET=lots\n")
    stage.tick()
    stage.expect("the service", "exit-code", stage.result)
    stage.expect_out()
    stage.step("the journal names the setting and the value")
    stage.expect_message("MAX_OFFSET", "lots")
    stage.expect_journal("out-of-sync config-error")
    stage.step("without the drop-in: in sync after a tick")
    stage.node.install(stage.tree)
    stage.tick()
    stage.expect_in_sync()
