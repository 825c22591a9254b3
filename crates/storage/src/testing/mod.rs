//! What tests of this and of other rooms need: the contract and a driver that fails.

pub mod contract;
pub mod faulty;

pub use faulty::Faulty;
