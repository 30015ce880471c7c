//! What is kept, and what follows from it: the board derived anew from the inbox, bodies let go of
//! with age, and an embedded database in a file and back.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../sync/world.rs"]
#[expect(dead_code, reason = "the world of the sync's tests, of which a part is used here")]
mod world;

mod answers;
mod backup;
mod desk;
mod followers;
mod measured;
mod property;
mod rebuild;
mod retention;
mod retention_told;
