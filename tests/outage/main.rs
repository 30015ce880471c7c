//! What happens to deliveries while the database is away, and while the machine is out of order:
//! the real binary, a real `PostgreSQL` that is stopped and started, real disks that are full.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod accepted;
mod ambiguous;
mod clock;
mod disk;
mod draining;
mod kills;
mod leases;
mod ledger;
mod limits;
mod machine;
mod start;
mod upgrade;
mod world;
