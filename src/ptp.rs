//! The words of the field: programs, servo states, port states.
//!
//! Every enum has one text form, used in logs, reports and the memory alike.

/// Declares an enum whose variants each have one word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one that a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.word() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

/// The name that phc2sys gives the system clock.
pub const SYSTEM_CLOCK: &str = "CLOCK_REALTIME";

words! {
    /// A program whose lines say how well a clock follows another.
    Program {
        /// Steers the network card's clock after a grandmaster.
        Ptp4l = "ptp4l",
        /// Steers the system clock after the network card's clock.
        Phc2sys = "phc2sys",
        /// Steers the network card's clock after a GNSS receiver or another card.
        Ts2phc = "ts2phc",
        /// linuxptp-daemon's own word on a grandmaster (`T-GM-STATUS`).
        GrandmasterStatus = "GM",
        /// linuxptp-daemon's own word on a telco boundary clock (`T-BC-STATUS`).
        BoundaryStatus = "T-BC",
    }
}

words! {
    /// One link of the chain from the grandmaster to the system clock.
    Leg {
        /// The network card's hardware clock follows a grandmaster.
        Reference = "reference",
        /// `CLOCK_REALTIME` follows the hardware clock.
        SystemClock = "system-clock",
    }
}

words! {
    /// The state of a servo (linuxptp `servo.h`).
    Servo {
        /// Collecting samples; the clock is not steered.
        Unlocked = "s0",
        /// The clock is being stepped; the offset on the line is over with it.
        Jump = "s1",
        /// Locked.
        Locked = "s2",
        /// Locked, and within the servo's own offset threshold for a while.
        LockedStable = "s3",
        /// A state that no known linuxptp prints.
        Unknown = "s?",
        /// The line has no field for it: summary lines, and clocks that ts2phc only watches.
        Unstated = "-",
    }
}

words! {
    /// What an offset was measured against.
    Source {
        /// The real source of time.
        Live = "live",
        /// The clock's own past: its source is lost.
        Holdover = "holdover",
    }
}

words! {
    /// The state of a PTP port (linuxptp `util.c`).
    PortState {
        /// Never set up.
        None = "NONE",
        /// Being set up.
        Initializing = "INITIALIZING",
        /// Broken: no link, no time stamps.
        Faulty = "FAULTY",
        /// Switched off.
        Disabled = "DISABLED",
        /// Waiting for a grandmaster.
        Listening = "LISTENING",
        /// About to serve time.
        PreMaster = "PRE_MASTER",
        /// Serving time.
        Master = "MASTER",
        /// Neither serving nor following.
        Passive = "PASSIVE",
        /// Has chosen a grandmaster, not yet locked to it.
        Uncalibrated = "UNCALIBRATED",
        /// Following a grandmaster.
        Slave = "SLAVE",
        /// Serving time as the grandmaster.
        GrandMaster = "GRAND_MASTER",
    }
}

impl PortState {
    /// Is this the state of a port that gives time and takes none?
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(
            self,
            Self::PreMaster | Self::Master | Self::GrandMaster | Self::Passive | Self::Disabled
        )
    }
}
