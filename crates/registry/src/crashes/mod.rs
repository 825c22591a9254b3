//! Crashes: a scripted life of a store is cut off at every call of its driver, and what is left must
//! keep what was acknowledged.
//!
//! [`script`] is what happens, step by step; [`ledger`] is what its client was told, and whether the
//! store keeps to it; [`explore`] repeats each step with a fault at its first call, its second, and
//! so on until the fault comes too late, and looks at what is left, retries, and looks again.

mod explore;
mod ledger;
mod script;
mod tests;
