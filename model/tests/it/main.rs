//! The protocol holds in every state of every world, and without any one of its steps it does not.

mod exploration;
mod holds;
mod left_out;
