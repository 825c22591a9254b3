//! What tests of this and of other rooms need: the contract, a driver that fails, and one that loses
//! what was not made durable.

pub mod contract;
pub mod faulty;
pub mod lossy;

pub use faulty::Faulty;
pub use lossy::Lossy;
