//! The targets' bodies, which live beside the tests that replay the corpus.

#[path = "../../tests/reference/mod.rs"]
pub mod reference;
#[path = "../../tests/scenario/mod.rs"]
pub mod scenario;
#[path = "../../tests/targets/mod.rs"]
pub mod targets;
