//! Other people's servers, simulated: for tests and for trying the whole loop out with no account
//! anywhere.
//!
//! The rule: they speak real HTTP, keep state, and refuse and drop what the real ones refuse and
//! drop, as recorded from the real ones. Deliberately absent: anything of Jetbridge's own rules;
//! a fake that knew them would agree with every mistake.

pub mod github;
mod log;
pub mod plane;
