//! What the ways into a cluster let through, and what to do where one does not.

use crate::error::{Error, Result};
use std::fmt::Write;

/// A limit on the size of a MachineConfig.
#[derive(Debug)]
struct Limit {
    what: &'static str,
    bytes: usize,
    advice: &'static str,
}

/// From the tightest on.
const LIMITS: [Limit; 3] = [
    // The whole object is kept in an annotation (apimachinery, objectmeta.go).
    Limit {
        what: "oc apply, Argo CD by default",
        bytes: 262_144,
        advice: "`oc create` or `oc apply --server-side`; in Argo CD the annotation \
                 argocd.argoproj.io/sync-options: ServerSideApply=true",
    },
    Limit {
        what: "ConfigMap, assisted-service",
        bytes: 1_048_576,
        advice: "apply it to the running cluster instead of at installation",
    },
    // The rendered MachineConfig has everything else of the pool in it, too.
    Limit {
        what: "etcd, rendered MachineConfig",
        bytes: 1_572_864,
        advice: "a smaller binary",
    },
];

/// Refuses what no cluster takes.
///
/// # Errors
/// The object is over the last limit.
pub fn check(name: &str, bytes: usize) -> Result<()> {
    match LIMITS.last().filter(|limit| bytes > limit.bytes) {
        Some(limit) => Err(Error::Size {
            name: name.to_owned(),
            bytes,
            limit: limit.bytes,
            reason: limit.what,
        }),
        None => Ok(()),
    }
}

/// The sizes of an object (as JSON, which is what travels) against all limits.
#[must_use]
pub fn table(bytes: usize) -> String {
    let mut table = format!("  {:<32}{:>10}\n", "size as JSON", bytes);
    let mut advice = String::new();
    for limit in LIMITS {
        let (state, percent) = (limit.state(bytes), bytes * 100 / limit.bytes);
        let (what, most) = (limit.what, limit.bytes);
        let _ = writeln!(table, "  {what:<32}{most:>10}{percent:>6} %  {state}");
        if state == "OVER" {
            let _ = writeln!(advice, "  over {most}: {}", limit.advice);
        }
    }
    table + &advice
}

impl Limit {
    fn state(&self, bytes: usize) -> &'static str {
        if bytes > self.bytes { "OVER" } else { "fits" }
    }
}
