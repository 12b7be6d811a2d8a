"""The stage: what the scenes can do, and what they expect."""

import time

from . import network
from .failure import Failure
from .node import UNITS, Node, remove
from .pod import PODS, Card, Pod
from .wait import until

SERVICE = "chronyd-restart.service"
TIMER = "chronyd-restart.timer"
FAILSAFE = "ptp-sync-failsafe.service"
CHRONYD = "chronyd.service"
MESSAGE_ID = "6a5a9a3c1b7d4d0f9e2c7f3b8d61c0e4"


class Stage:
    def __init__(self, root, tree, account):
        self.tree = tree
        self.account = account
        self.step = account.step
        self.node = Node(root)
        self.ntp = network.ntp_server(root)
        self.grandmaster = network.grandmaster(root)
        self.card = Card(root)
        self.pods = []
        self.pod = None
        self.cursor = None
        network.build()
        self.node.prepare()
        self.ntp.start()

    # Where scenes begin

    def without_ptp(self):
        """The node is up, there is no PTP and never was, and chronyd runs."""
        self.step("without PTP, chronyd runs")
        self.reset()
        self.expect_out()

    def with_ptp(self, **options):
        """PTP is in sync, and chronyd is stopped."""
        self.without_ptp()
        self.step("PTP comes up, and is in sync after a tick")
        self.start_pod(**options)
        self.pod.wait_for_lock()
        self.tick()
        self.expect_in_sync()
        self.expect_journal("in-sync within-limit")

    def reset(self):
        """Whatever a scene before has left is gone."""
        node = self.node
        if not node.container or node.container.poll() is not None:
            node.boot()
        node.run("systemctl", "stop", TIMER, check=False)
        node.run("systemctl", "kill", "--signal=KILL", SERVICE, check=False)
        self.settle()
        node.free_run()
        self.card.set()
        self.remove_pods()
        self.grandmaster.start()
        self.ntp.start()
        node.install(self.tree)
        for path in ("/run/ptp", "/run/ptp-sync-check"):
            remove(node.path(path))
        node.run("systemctl", "reset-failed")
        node.run("systemctl", "start", CHRONYD, "chrony-wait.service")
        self.cursor = node.cursor()

    # What happens

    def start_pod(self, namespace="openshift-ptp", **options):
        """A new pod; the stage's own is the newest."""
        self.pod = Pod(self.node, namespace).start(**options)
        self.pods.append(self.pod)
        return self.pod

    def remove_pods(self):
        for pod in self.pods:
            pod.delete()
        self.pods.clear()
        remove(self.node.path(PODS))

    def tick(self):
        """What the timer does, until all that comes of it is over."""
        self.node.run("systemctl", "start", SERVICE, check=False)
        self.settle()

    def settle(self):
        """Waits until the check is over, and the failsafe, too."""
        node = self.node
        until("no job to be left", lambda: not node.run("systemctl", "list-jobs", "--no-legend"))
        until("the failsafe to be over", lambda: node.settled(SERVICE, FAILSAFE))

    def tick_until_in(self):
        self.tick_until("in-sync")

    def tick_until_out(self):
        self.tick_until("out-of-sync")

    def tick_until(self, verdict):
        def verdict_of_tick():
            self.tick()
            return self.node.report()["verdict"]

        until(f"a tick to say {verdict}", lambda: verdict_of_tick() == verdict)

    def drop_in(self, unit, content):
        self.node.write(f"{UNITS}/{unit}.d/50-scene.conf", content)
        self.node.run("systemctl", "daemon-reload")

    def replace_check(self, content, mode=0o755):
        """Puts something else into the place of the program."""
        path = self.node.path("/usr/local/bin/ptp-sync-check")
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            path.chmod(mode)

    # What is expected

    def chronyd(self):
        """chronyd's unit, with the name of its process."""
        unit = self.node.show(CHRONYD, "ActiveState", "SubState", "MainPID", "NRestarts", "ExecMainStartTimestamp")
        unit["process"] = self.node.process(unit["MainPID"]) if unit["MainPID"] != "0" else None
        return unit

    def expect_in_sync(self):
        """The marker is there, chronyd is stopped, and nobody has failed over it."""
        self.expect("the marker", "there", self.node.marker)
        self.expect("chronyd", "inactive dead, process None", self.chronyd_line)
        self.expect("failed units", "none", self.failed_units)

    def expect_out(self):
        """No marker, and chronyd runs."""
        self.expect("the marker", "absent", self.node.marker)
        self.expect("chronyd", "active running, process chronyd", self.chronyd_line)

    def expect_ntp(self):
        """chronyd has reached its server and selected it."""
        until("chronyd to have reached and selected its server", self.node.sources)

    def result(self):
        """How the service ended."""
        return self.node.show(SERVICE, "Result")["Result"]

    def chronyd_line(self):
        unit = self.chronyd()
        return f"{unit['ActiveState']} {unit['SubState']}, process {unit['process']}"

    def failed_units(self):
        lines = self.node.run("systemctl", "--failed", "--plain", "--no-legend").splitlines()
        return " ".join(line.split()[0] for line in lines) or "none"

    def expect_reason(self, reason):
        """Why, by the last report."""
        self.expect("the report's reason", reason, lambda: self.node.report()["reason"])

    def expect_log(self, name):
        """Which log was read, by its last names."""
        expect_equal("the log is this one", True, self.node.report()["log"].endswith(name))

    def expect_message(self, *words):
        """The journal has a line of ours with these words."""

        def is_there():
            entries = self.node.journal(self.cursor)
            lines = [entry["MESSAGE"] for entry in entries if entry.get("SYSLOG_IDENTIFIER") == "ptp-chronyd"]
            return any(all(word in line for word in words) for line in lines)

        self.expect(f"a line with {' and '.join(words)} in the journal", True, is_there)

    def expect_journal(self, *transitions):
        """The journal has these lines of the check since it was last asked, and no others.

        Each is a verdict and a reason; all their other fields are looked at, too.
        """
        self.expect("the journal", " · ".join(transitions) or "nothing", self.transitions)
        for entry in self.entries():
            self.check_fields(entry)
        self.cursor = self.node.cursor()

    def entries(self):
        return [entry for entry in self.node.journal(self.cursor) if entry.get("MESSAGE_ID") == MESSAGE_ID]

    def transitions(self):
        return " · ".join(f"{entry['VERDICT']} {entry['REASON']}" for entry in self.entries()) or "nothing"

    def check_fields(self, entry):
        expect_equal("SYSLOG_IDENTIFIER", "ptp-chronyd", entry["SYSLOG_IDENTIFIER"])
        expect_equal("the unit of the line", SERVICE, entry["_SYSTEMD_UNIT"])
        if entry["REASON"] == "config-error":
            # Nothing has been looked at.
            return
        is_in_sync = entry["VERDICT"] == "in-sync"
        # Whoever was out has to come within 80 us, whoever was in is out beyond 120 us.
        expect_equal("LIMIT_NS", "80000" if is_in_sync else "120000", entry["LIMIT_NS"])
        if "OFFSET_NS" in entry:
            is_within = abs(int(entry["OFFSET_NS"])) <= int(entry["LIMIT_NS"])
            is_over = entry["REASON"] == "offset-over-limit"
            if is_within == is_over:
                raise Failure(f"expected OFFSET_NS to fit to {entry['REASON']}\nthere was {entry['OFFSET_NS']}")
        if is_in_sync and not float(entry["AGE_SECONDS"]) < 5:
            raise Failure(f"expected AGE_SECONDS below 5\nthere was {entry['AGE_SECONDS']}")
        if entry["REASON"] != "no-log" and not entry["LOG"].startswith(f"{PODS}/openshift-ptp_"):
            raise Failure(f"expected LOG to be ours\nthere was {entry['LOG']}")

    def expect_silence(self):
        """The journal has no line of ours, nor one of systemd about our units."""
        entries = self.node.journal(self.cursor)
        ours = [
            f"{entry.get('SYSLOG_IDENTIFIER')}: {entry['MESSAGE']}"
            for entry in entries
            if entry.get("SYSLOG_IDENTIFIER") == "ptp-chronyd" or entry.get("UNIT") in (SERVICE, FAILSAFE)
        ]
        expect_equal("lines of ours in the journal", [], ours)

    def expect_unchanged(self, before):
        """chronyd's unit and its process are as they were."""
        self.expect("chronyd", before, self.chronyd, patience=0)

    def expect(self, what, expected, look, patience=5):
        """Looks until it is as expected; says what was there if it never is."""
        try:
            until(what, lambda: look() == expected, patience)
        except Failure:
            raise Failure(f"expected {what}: {expected}\nthere was {what}: {look()}") from None

    def situation(self):
        """What helps to understand a failure."""
        explained = self.node.run("/usr/local/bin/ptp-sync-check", "--dry-run", check=False)
        journal = self.node.run("journalctl", "--output=short-monotonic", "--lines=15", "--quiet", check=False)
        lines = "\n".join(self.pod.lines()[:5]) if self.pod else "no pod"
        return f"\nthe check says now:\n{explained}\n\nthe journal:\n{journal}\n\nthe log, newest first:\n{lines}"


def expect_equal(what, expected, there):
    if expected != there:
        raise Failure(f"expected {what}: {expected}\nthere was {what}: {there}")


class Stopwatch:
    """How long something took, which must not be longer than it may."""

    def __init__(self):
        self.began = time.monotonic()

    def expect_at_most(self, what, seconds):
        took = time.monotonic() - self.began
        if took > seconds:
            raise Failure(f"expected {what} within {seconds} s\nthere were {took:.1f} s")
        return took
