//! What to look at when the clock is out of sync.

use crate::decide::Reason;

/// Advice on a reason.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    /// Likely causes, the likeliest first.
    pub causes: &'static [&'static str],
    /// What to do next.
    pub next: &'static str,
}

/// The advice on a reason to be out of sync.
#[must_use]
pub fn advice(reason: Reason) -> Advice {
    let (causes, next): (&[&str], &str) = match reason {
        Reason::OffsetOverLimit => (
            &[
                "the servo is still pulling the clock in",
                "the grandmaster or the hardware clock has stepped",
                "an offset of 37 s: the UTC offset is not known (leap file, phc2sys -O)",
            ],
            "watch whether the offset shrinks: run this again in a minute",
        ),
        Reason::ServoUnlocked => (
            &[
                "ptp4l or phc2sys has just started, or was reset by a step",
                "ptp4l runs with free_running 1",
            ],
            "look for s0, s1 and clockcheck in the log; run this again in a minute",
        ),
        Reason::ReferenceLost => (
            &[
                "the grandmaster or the link to it is down",
                "a grandmaster node has lost its GNSS signal",
            ],
            "look for the last `port` lines of ptp4l, or T-GM-STATUS, in the log",
        ),
        Reason::Stale => (
            &[
                "a program has died or hangs: it prints nothing any more",
                "phc2sys has no source clock; ptp4l has no port in SLAVE",
                "logReduce or stdoutFilter was switched on without a restart",
            ],
            "oc -n openshift-ptp logs ds/linuxptp-daemon -c linuxptp-daemon-container",
        ),
        Reason::Settling => (
            &["good, for less time than --settle (SETTLE) asks for"],
            "wait",
        ),
        Reason::NoLog => (
            &[
                "the PTP operator is not installed, or has no pod on this node",
                "its pods run in another namespace (--namespace)",
                "the host's files are elsewhere (in a debug pod: --root /host)",
            ],
            "ls /var/log/pods",
        ),
        Reason::NoEvidence => (
            &[
                "no PtpConfig matches this node: the daemon runs no ptp4l",
                "ptp4l and phc2sys do not print (verbose, -m, stdoutFilter)",
                "the log's lines have no time that can be told (--uptime, --now)",
            ],
            "look at the end of the log",
        ),
        Reason::FromAnotherBoot => (
            &["the node has restarted, and the PTP pod has not come up yet"],
            "wait for the pod",
        ),
        Reason::FromTheFuture => (
            &["a clock was set back since the lines were written"],
            "wait for the next line",
        ),
        Reason::LogUnreadable => (
            &[
                "not root, or SELinux denies it",
                "something else stands in the log's place, or the disk fails",
                "a file that was named (--log) is not there",
            ],
            "mend what is said above",
        ),
        Reason::ConfigError | Reason::WithinLimit | Reason::Holding => (&[], ""),
    };
    Advice { causes, next }
}
