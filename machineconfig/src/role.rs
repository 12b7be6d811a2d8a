//! Machine config pools: each role gets an object of its own.

use crate::error::{Error, Result};
use ptp_sync_check::setting::is_dns_label;
use std::fmt;
use std::str::FromStr;

/// The name of a pool, as it stands in the label of its MachineConfigs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role(String);

impl Role {
    /// The name of the object, and of its file without the suffix.
    #[must_use]
    pub fn object(&self) -> String {
        format!("05-chronyd-dynamic-{self}")
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Role {
    type Err = Error;

    /// A role becomes part of a name and the value of a label: a DNS label (RFC 1123) is both.
    fn from_str(text: &str) -> Result<Self> {
        if is_dns_label(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Role {
                value: text.to_owned(),
            })
        }
    }
}
