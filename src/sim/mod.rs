//! Stand-ins for the systems that Jetbridge talks to: servers over real HTTP that keep state and
//! refuse what the real ones refuse. Tests and `jetbridge demo` run on them.

pub mod github;
