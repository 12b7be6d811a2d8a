//! How many cases a property is tried with.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// The same cases in every run, so that a failure is one of the change at hand. More, and others:
/// `PROPTEST_CASES=200000 PROPTEST_RNG_SEED=1 cargo test --release --test properties`.
pub fn cases(cases: u32) -> ProptestConfig {
    let given = |name| std::env::var_os(name).is_some();
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: if given("PROPTEST_CASES") {
            default.cases
        } else {
            cases
        },
        rng_seed: if given("PROPTEST_RNG_SEED") {
            default.rng_seed
        } else {
            RngSeed::Fixed(1)
        },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
