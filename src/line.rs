//! What the body of a message says about a clock.
//!
//! Every body that counts has a row in [`crate::line::FORMATS`], anchored at both ends, so that a
//! line which merely quotes one is none. A new line shape is a new row.

use crate::envelope::{Envelope, saturating_integer};
use crate::ptp::{PortState, Program, SYSTEM_CLOCK, Servo, Source};
#[cfg(not(feature = "regex-lite"))]
use regex::{Captures, Regex};
#[cfg(feature = "regex-lite")]
use regex_lite::{Captures, Regex};
use std::sync::OnceLock;

/// What a body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// An offset was measured.
    Offset {
        /// The clock: an interface, `/dev/ptpN` or `CLOCK_REALTIME`; ptp4l names none.
        device: Option<String>,
        /// Nanoseconds that the clock is ahead. For summaries the value of the largest magnitude
        /// that the line admits. Saturates.
        offset_ns: i64,
        /// The state of the servo that steers the clock.
        servo: Servo,
        /// What the clock was compared with.
        source: Source,
    },
    /// A port of ptp4l changed its state.
    Port {
        /// Its number; 0 is ptp4l's own management socket and is never reported here.
        number: u16,
        /// What it was.
        from: PortState,
        /// What it is from now on.
        to: PortState,
    },
    /// linuxptp-daemon's own word on the clock: locked, holdover or free running.
    Status {
        /// The interface.
        device: String,
        /// `s2` as [`Servo::Locked`]; the daemon's `s1` is holdover, not a step.
        servo: Servo,
        /// [`Source::Holdover`] for the daemon's `s1`.
        source: Source,
    },
}

/// A line shape that counts.
pub struct Format {
    /// What it is called in tests and messages.
    pub name: &'static str,
    /// The program that prints it.
    pub program: Program,
    /// How every body of this shape begins: a cheap test before the pattern.
    pub head: &'static str,
    /// The body, in printable ASCII: the engine is built without Unicode tables, and linuxptp
    /// prints nothing else.
    pub pattern: &'static str,
    /// A whole message of this shape.
    pub example: &'static str,
    /// The versions that print it.
    pub printed_by: &'static str,
    read: fn(&Fields<'_>) -> Option<Statement>,
    compiled: OnceLock<Regex>,
}

macro_rules! formats {
    ($({ $name:literal, $program:ident, $printed_by:literal, $head:literal, $pattern:literal, $example:literal, $read:expr },)+) => {
        [$(Format {
            name: $name,
            program: Program::$program,
            head: $head,
            pattern: $pattern,
            example: $example,
            printed_by: $printed_by,
            read: $read,
            compiled: OnceLock::new(),
        }),+]
    };
}

/// Every line shape that counts, those printed most often first.
pub static FORMATS: [Format; 11] = formats![
    {
        "ptp4l sample", Ptp4l, "linuxptp all, clock.c",
        "",
        r"^[0-9A-Za-z_./-]+ offset +(-?[0-9]+) s([0-9]) freq +[!-~]+ path delay +-?[0-9]+$",
        "ptp4l[1031602.617]: [ptp4l.1.config:6] master offset        -98 s2 freq   +3120 path delay       -12",
        |fields| Some(Statement::Offset {
            device: None,
            offset_ns: fields.number(1)?,
            servo: fields.servo(2),
            source: Source::Live,
        })
    },
    {
        "ptp4l summary", Ptp4l, "linuxptp all, clock.c, with summary_interval > logSyncInterval",
        "rms ",
        r"^rms +[0-9]+ max +([0-9]+) freq +[!-~]+ \+/- +[!-~]+(?: delay +[!-~]+ \+/- +[!-~]+)?$",
        "ptp4l[74737.942]: [ptp4l.0.config:6] rms   53 max   74 freq -16642 +/-  40 delay  1089 +/-  20",
        |fields| fields.summary(None, 1)
    },
    {
        "ptp4l enhanced summary", Ptp4l, "linuxptp-daemon 4.20+, logReduce enhanced",
        "master offset summary: ",
        r"^master offset summary: cnt=([0-9]+), min=(-?[0-9]+), max=(-?[0-9]+), avg=[-0-9.Na]+, SD=[-0-9.Na]+$",
        "ptp4l[1757326390.123]: [ptp4l.0.config:6] master offset summary: cnt=480, min=-12, max=15, avg=0.21, SD=4.37",
        |fields| fields.enhanced(None)
    },
    {
        "ptp4l port state", Ptp4l, "linuxptp 3.1.1 without, 4.0+ with the interface, port.c",
        "port ",
        r"^port ([0-9]{1,5})(?: \([!-~]*\))?: ([A-Z_]+) to ([A-Z_]+) on [A-Z_]+(?: \([A-Z_]+\))?$",
        "ptp4l[412707.219]: [ptp4l.0.config:5] port 1 (ens4f1.100): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
        |fields| fields.port()
    },
    {
        "phc2sys sample", Phc2sys, "linuxptp all, phc2sys.c",
        "",
        r"^([!-~]+) (?:phc|sys|pps) offset +(-?[0-9]+) s([0-9]) freq +[!-~]+(?: delay +-?[0-9]+)?$",
        "phc2sys[1031604.291]: [ptp4l.1.config:6] CLOCK_REALTIME phc offset      -414 s2 freq   +2872 delay    551",
        |fields| Some(Statement::Offset {
            device: Some(fields.text(1)),
            offset_ns: fields.number(2)?,
            servo: fields.servo(3),
            source: Source::Live,
        })
    },
    {
        "phc2sys summary", Phc2sys, "linuxptp all, phc2sys.c, with -u",
        "",
        r"^([!-~]+) rms +[0-9]+ max +([0-9]+) freq +[!-~]+ \+/- +[!-~]+(?: delay +[!-~]+ \+/- +[!-~]+)?$",
        "phc2sys[3560354.300]: [ptp4l.0.config] CLOCK_REALTIME rms    4 max    4 freq -76829 +/-   0 delay  1085 +/-   0",
        |fields| fields.summary(Some(fields.text(1)), 2)
    },
    {
        "phc2sys enhanced summary", Phc2sys, "linuxptp-daemon 4.20+, logReduce enhanced; all devices in one",
        "phc offset summary: ",
        r"^phc offset summary: cnt=([0-9]+), min=(-?[0-9]+), max=(-?[0-9]+), avg=[-0-9.Na]+, SD=[-0-9.Na]+$",
        "phc2sys[1757326390.123]: [ptp4l.0.config:6] phc offset summary: cnt=1, min=-3, max=-3, avg=-3.00, SD=NaN",
        |fields| fields.enhanced(Some(SYSTEM_CLOCK.to_owned()))
    },
    {
        "ts2phc sample", Ts2phc, "linuxptp 3.1.1 with `master`, 4.0+ without, 4.4+ and RHEL 4.2 with ` holdover`, ts2phc.c",
        "",
        r"^([!-~]+)(?: master)? offset +(-?[0-9]+)(?: s([0-9]) freq +[!-~]+( holdover)?)?$",
        "ts2phc[82674.465]: [ts2phc.0.config:6] ens7f0 offset          1 s3 freq      +1 holdover",
        |fields| Some(Statement::Offset {
            device: Some(fields.text(1)),
            offset_ns: fields.number(2)?,
            servo: fields.servo(3),
            source: if fields.get(4).is_some() { Source::Holdover } else { Source::Live },
        })
    },
    {
        "ts2phc lost holdover", Ts2phc, "linuxptp 4.4+, ts2phc.c",
        "",
        r"^([!-~]+) lost holdover lock \(offset +(-?[0-9]+)\)$",
        "ts2phc[82674.466]: [ts2phc.0.config:6] ens7f0 lost holdover lock (offset        134)",
        |fields| Some(Statement::Offset {
            device: Some(fields.text(1)),
            offset_ns: fields.number(2)?,
            servo: Servo::Unlocked,
            source: Source::Holdover,
        })
    },
    {
        "T-GM status", GrandmasterStatus, "linuxptp-daemon 4.14+, event.go",
        "",
        r"^([!-~]+) T-GM-STATUS (s[0-2]|-[12])$",
        "GM[1757326390]:[ts2phc.0.config] ens4f0 T-GM-STATUS s1",
        |fields| Some(fields.status(1, 2))
    },
    {
        "T-BC status", BoundaryStatus, "linuxptp-daemon 4.20+, event_tbc.go; T-TSC prints the same",
        "",
        r"^([!-~]+) offset -?[0-9]+ T-BC-STATUS (s[0-2]|-[12])$",
        "T-BC[1757326419]:[ts2phc.1.config] ens4f0 offset 4 T-BC-STATUS s2",
        |fields| Some(fields.status(1, 2))
    },
];

impl Format {
    /// Does a body have this shape?
    #[must_use]
    pub fn reads(&self, body: &[u8]) -> bool {
        self.read(body).is_some()
    }

    /// What a body of this shape says; None if it has another shape.
    fn read(&self, body: &[u8]) -> Option<Statement> {
        if !body.starts_with(self.head.as_bytes()) {
            return None;
        }
        let captures = self.regex()?.captures(str::from_utf8(body).ok()?)?;
        (self.read)(&Fields(&captures))
    }

    /// The compiled pattern; compiled when first needed, since most runs need two.
    fn regex(&self) -> Option<&Regex> {
        if self.compiled.get().is_none() {
            let _ = self.compiled.set(Regex::new(self.pattern).ok()?);
        }
        self.compiled.get()
    }
}

/// The captured fields of one body.
struct Fields<'a>(&'a Captures<'a>);

impl<'a> Fields<'a> {
    fn get(&self, index: usize) -> Option<&'a str> {
        self.0.get(index).map(|field| field.as_str())
    }

    fn text(&self, index: usize) -> String {
        self.get(index).unwrap_or_default().to_owned()
    }

    fn number(&self, index: usize) -> Option<i64> {
        saturating_integer(self.get(index)?.as_bytes())
    }

    fn servo(&self, index: usize) -> Servo {
        match self.get(index) {
            None => Servo::Unstated,
            Some("0") => Servo::Unlocked,
            Some("1") => Servo::Jump,
            Some("2") => Servo::Locked,
            Some("3") => Servo::LockedStable,
            Some(_) => Servo::Unknown,
        }
    }

    fn summary(&self, device: Option<String>, max: usize) -> Option<Statement> {
        Some(Statement::Offset {
            device,
            offset_ns: self.number(max)?,
            servo: Servo::Unstated,
            source: Source::Live,
        })
    }

    /// A summary of linuxptp-daemon: count, minimum and maximum; a count of 0 says nothing.
    fn enhanced(&self, device: Option<String>) -> Option<Statement> {
        let (count, minimum, maximum) = (self.number(1)?, self.number(2)?, self.number(3)?);
        let offset_ns = if minimum.unsigned_abs() > maximum.unsigned_abs() {
            minimum
        } else {
            maximum
        };
        (count > 0).then_some(Statement::Offset {
            device,
            offset_ns,
            servo: Servo::Unstated,
            source: Source::Live,
        })
    }

    fn port(&self) -> Option<Statement> {
        let number = u16::try_from(self.number(1)?).ok()?;
        (number != 0).then_some(Statement::Port {
            number,
            from: PortState::from_word(self.get(2)?)?,
            to: PortState::from_word(self.get(3)?)?,
        })
    }

    fn status(&self, device: usize, state: usize) -> Statement {
        let (servo, source) = match self.get(state) {
            Some("s2") => (Servo::Locked, Source::Live),
            Some("s1") => (Servo::Locked, Source::Holdover),
            _ => (Servo::Unlocked, Source::Live),
        };
        Statement::Status {
            device: self.text(device),
            servo,
            source,
        }
    }
}

/// What a message says, if its body has one of the shapes in [`FORMATS`] and its bracket holds a
/// time.
#[must_use]
pub fn read(envelope: &Envelope<'_>) -> Option<Statement> {
    envelope.time()?;
    FORMATS
        .iter()
        .filter(|format| format.program == envelope.program)
        .find_map(|format| format.read(envelope.body))
}
