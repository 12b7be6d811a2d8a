//! The ports of a ptp4l instance and their states, newest first (R6).

use crate::decide::Reading;
use crate::ptp::{PortState, words};
use crate::stream::{Mark, Run};

/// A change of a port's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where and when.
    pub mark: Mark,
    /// What it was; None for a remembered state.
    pub from: Option<PortState>,
    /// What it is from then on.
    pub to: PortState,
}

impl Change {
    /// Does only an earlier run know of it?
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.from.is_none()
    }
}

/// One port of a ptp4l instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number, from 1.
    pub number: u16,
    /// Its changes, newest first; never empty.
    pub changes: Vec<Change>,
    /// What an earlier run knew it to be for, unless ptp4l has started since.
    pub remembered: Option<Role>,
}

/// What an instance printed last, by an earlier run's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Printed {
    /// Offsets; a port state before them says nothing any more.
    Offsets,
    /// Port states only: its offsets are filtered from the log (logReduce).
    States,
    /// Port states, and a port has followed; but the last offset before is fresh, and stands
    /// against them.
    Contested,
    /// Port states, behind offsets that are what holds: no port has followed after the last.
    Both,
}

/// The ports of one ptp4l instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The message tag without its level.
    pub instance: String,
    /// The ports of which something is known.
    pub ports: Vec<Port>,
    /// What an earlier run knew of this instance.
    pub recalled: Option<Recalled>,
}

/// What an earlier run knew of an instance, beside its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// What it had printed last by then.
    pub printed: Printed,
    /// Whether it had taken time by then, since ptp4l started.
    pub takes_time: bool,
    /// Where that was, counted from the end of the log.
    pub place: u64,
}

words! {
    /// What a port is for, by what it has done since ptp4l started.
    Role {
        /// It has followed a grandmaster, or tried to.
        Client = "client",
        /// It has only given time.
        Server = "server",
        /// It has done neither yet.
        Waiting = "waiting",
    }
}

impl Port {
    /// Has ptp4l, which alone leaves INITIALIZING, started within these changes?
    #[must_use]
    pub fn has_start(&self) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|change| change.from == Some(PortState::Initializing))
    }

    /// By what it has done since ptp4l started.
    #[must_use]
    pub fn role(&self) -> Role {
        let start = (self.changes.iter())
            .position(|change| change.from == Some(PortState::Initializing))
            .map_or(self.changes.len(), |index| index + 1);
        let states = || {
            (self.changes.iter().take(start))
                .flat_map(|change| [Some(change.to), change.from])
                .flatten()
        };
        let was = |role| self.remembered == Some(role);
        let follows = |state| matches!(state, PortState::Slave | PortState::Uncalibrated);
        if was(Role::Client) || states().any(follows) {
            Role::Client
        } else if was(Role::Server) || states().any(PortState::serves) {
            Role::Server
        } else {
            Role::Waiting
        }
    }

    /// The state in force at a place. What a port was before its oldest known change is certain
    /// only when there can be no older one; what is remembered was so before, too, since the
    /// change to it was not met.
    fn state_at(&self, place: u64, reading: Reading) -> Option<PortState> {
        let mut changes = self.changes.iter();
        match (changes.find(|change| change.mark.place >= place), reading) {
            (Some(change), _) => Some(change.to),
            (None, Reading::Complete) => {
                let oldest = self.changes.last()?;
                Some(oldest.from.unwrap_or(oldest.to))
            }
            (None, Reading::Partial) => None,
        }
    }
}

/// Whether a port of an instance follows a grandmaster.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// One does.
    Yes,
    /// None does.
    No,
    /// No state line is known.
    Unknown,
}

impl Ports {
    /// The ports that may follow. Those that give time say nothing about the clock that this
    /// instance steers, nor do those that wait beside them.
    fn speaking(&self) -> impl Iterator<Item = &Port> {
        let serves = self.ports.iter().any(|port| port.role() == Role::Server);
        self.ports.iter().filter(move |port| match port.role() {
            Role::Client => true,
            Role::Waiting => !serves,
            Role::Server => false,
        })
    }

    /// The newest change of a port that may follow.
    #[must_use]
    pub fn newest(&self) -> Option<(&Port, &Change)> {
        self.speaking()
            .filter_map(|port| port.changes.first().map(|change| (port, change)))
            .min_by_key(|(_, change)| change.mark.place)
    }

    /// Where the last offset stands, given the last in the log: one that only an earlier run has
    /// seen may be newer.
    #[must_use]
    pub fn last_offset(&self, in_log: Option<u64>) -> Option<u64> {
        let had_offsets = |recalled: &Recalled| recalled.printed == Printed::Offsets;
        let recalled = self.recalled.filter(had_offsets);
        in_log
            .into_iter()
            .chain(recalled.map(|recalled| recalled.place))
            .min()
    }

    /// The newest change, if it is newer than what stands at a place.
    #[must_use]
    pub fn newest_after(&self, place: u64) -> Option<(&Port, &Change)> {
        (self.newest()).filter(|(_, change)| change.mark.place < place)
    }

    /// Has a port changed since what stands at a place was printed that says nothing, by all that
    /// is known of it? It may have taken time before, as long as its start is not known.
    #[must_use]
    pub fn may_speak_after(&self, place: u64) -> bool {
        let mut ports = self.ports.iter();
        ports.any(|port| {
            let is_newer = |change: &Change| change.mark.place < place;
            port.changes.first().is_some_and(is_newer)
                && port.role() != Role::Client
                && port.remembered.is_none()
                && !port.has_start()
        })
    }

    /// Have states taken the offsets' place (R5)? So it is once a port has followed after a change
    /// that is newer than the last offset, given the last in the log; or if there was none. Up to
    /// what is remembered, an earlier run has told.
    #[must_use]
    pub fn states_only(&self, in_log: Option<u64>, reading: Reading) -> bool {
        let is_newer = |recalled: &Recalled| in_log.is_none_or(|place| recalled.place < place);
        match self.recalled.filter(is_newer) {
            Some(recalled) => match recalled.printed {
                Printed::States | Printed::Contested => true,
                Printed::Offsets | Printed::Both => self.followed_after(recalled.place, reading),
            },
            None => in_log.is_none_or(|place| self.followed_after(place, reading)),
        }
    }

    /// Has a port followed after a change that is newer than what stands at a place?
    fn followed_after(&self, place: u64, reading: Reading) -> bool {
        let changes = self.speaking().flat_map(|port| &port.changes);
        let mut newer = changes.filter(|change| change.mark.place < place);
        newer.any(|change| self.following_at(change.mark.place, reading) == Following::Yes)
    }

    /// Has ptp4l started since what stands at a place was printed?
    #[must_use]
    pub fn started_after(&self, place: u64) -> bool {
        let mut changes = self.ports.iter().flat_map(|port| &port.changes);
        changes
            .any(|change| change.from == Some(PortState::Initializing) && change.mark.place < place)
    }

    /// The newest change in words: `port 1: UNCALIBRATED to SLAVE`.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let (port, change) = self.newest()?;
        Some(match change.from {
            Some(from) => format!("port {}: {from} to {}", port.number, change.to),
            None => format!("port {}: {}, as remembered", port.number, change.to),
        })
    }

    /// Whether a port followed at a place.
    #[must_use]
    pub fn following_at(&self, place: u64, reading: Reading) -> Following {
        let mut following = Following::Unknown;
        let states = (self.speaking()).filter_map(|port| port.state_at(place, reading));
        for state in states {
            if state == PortState::Slave {
                return Following::Yes;
            }
            following = Following::No;
        }
        following
    }

    /// Was there a change after which no port followed, between a run of samples and the next newer
    /// one? When the change was that is only remembered, its age tells.
    #[must_use]
    pub fn was_lost(&self, run: &Run, newer: u64, reading: Reading) -> bool {
        let is_between = |change: &&Change| {
            let (place, age_ns) = (change.mark.place, change.mark.age_ns);
            if change.is_remembered() {
                (newer..run.oldest.place).contains(&place) && age_ns <= run.oldest.age_ns
            } else {
                (newer..run.newest.place).contains(&place)
            }
        };
        let changes = self.speaking().flat_map(|port| &port.changes);
        changes
            .filter(is_between)
            .any(|change| self.following_at(change.mark.place, reading) == Following::No)
    }

    /// How long the longest following port has followed.
    #[must_use]
    pub fn following_for(&self) -> Option<i64> {
        self.ports
            .iter()
            .filter_map(|port| port.changes.first())
            .filter(|change| change.to == PortState::Slave)
            .map(|change| change.mark.age_ns)
            .max()
    }

    /// How long ago a port last ceased to follow.
    #[must_use]
    pub fn left_slave(&self) -> Option<i64> {
        self.ports
            .iter()
            .flat_map(|port| &port.changes)
            .filter(|change| change.from == Some(PortState::Slave))
            .min_by_key(|change| change.mark.place)
            .map(|change| change.mark.age_ns)
    }

    /// Whether a port has ever followed, or tried to: enough to require the leg from now on.
    #[must_use]
    pub fn has_client(&self) -> bool {
        self.ports.iter().any(|port| port.role() == Role::Client)
    }

    /// Has this ptp4l taken time since it started, given the last offset in the log? By its ports,
    /// or since it has printed offsets.
    #[must_use]
    pub fn takes_time(&self, last_offset: Option<u64>) -> bool {
        let is_current = |place| !self.started_after(place);
        let is_still = |recalled: Recalled| recalled.takes_time && is_current(recalled.place);
        self.has_client()
            || last_offset.is_some_and(is_current)
            || self.recalled.is_some_and(is_still)
    }
}
