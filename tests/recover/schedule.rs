//! A service does it by itself, and one process for all.

use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::jobs::duty::Duty;
use jetbridge::jobs::recover::schedule::Schedule;
use jetbridge::spool::{Admission, Spool};

use crate::on_both_databases;
use crate::support::databases::by_hand;
use crate::world::{World, counts};

const EVERY: Duration = Duration::from_mins(10);
/// Longer than it takes to find out.
const PATIENCE: Duration = Duration::from_secs(20);

fn schedule(world: &World, spool: Option<Spool>) -> Schedule {
    Schedule::new(world.recover(), EVERY, spool)
}

on_both_databases! {
    async fn the_schedule_runs_at_once_and_then_when_it_is_due(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(1).await;
        let schedule = schedule(&world, None);
        assert_eq!(counts(&schedule.turn().await.unwrap().unwrap()), (1, 1));
        assert_eq!(schedule.turn().await.unwrap(), None);
        world.arrive().await;
        world.clock.advance(EVERY);
        assert_eq!(schedule.turn().await.unwrap().unwrap().came, 1);
        assert_eq!(schedule.turn().await.unwrap(), None);
    }

    async fn of_two_processes_one_looks_and_the_other_takes_over_when_it_falls_silent(database: TestDatabase) {
        let world = World::new(database).await;
        let (one, other) = (schedule(&world, None), schedule(&world, None));
        assert!(one.turn().await.unwrap().is_some());
        world.clock.advance(Duration::from_secs(59));
        assert!(other.turn().await.unwrap().is_none(), "the first one holds it");
        world.clock.advance(EVERY);
        assert!(other.turn().await.unwrap().is_some());
        assert!(one.turn().await.unwrap().is_none());
    }

    async fn whoever_loses_the_duty_leaves_what_it_was_at(database: TestDatabase) {
        let world = World::new(database).await;
        let store = &world.app.store;
        let duty = |held| Duty::new(store, &Clock::System, "a duty", held);
        let one = duty(Duration::from_millis(600));
        assert!(one.hold().await.unwrap());
        assert_eq!(one.keep(async { 7 }).await.unwrap(), Some(7));
        let (begun, begins) = tokio::sync::oneshot::channel();
        let endless = async {
            begun.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        // It fell silent for as long as it takes, and another process took over.
        let taken = async {
            begins.await.unwrap();
            by_hand(&world.database, "UPDATE duties SET holder = 'another', held_until = '2999-01-01T00:00:00.000000Z'").await;
        };
        let (kept, ()) = tokio::join!(tokio::time::timeout(PATIENCE, one.keep(endless)), taken);
        assert_eq!(kept.expect("it ends by itself").unwrap(), None);
        assert!(!one.hold().await.unwrap());
    }

    async fn while_anything_lies_in_the_spool_nothing_is_missing_for_certain(database: TestDatabase) {
        let world = World::new(database).await;
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), Admission::UpTo(1000), world.clock.now()).unwrap();
        let schedule = schedule(&world, Some(spool.clone()));
        spool.begin(world.clock.now()).await;
        assert!(schedule.turn().await.unwrap().is_none());
        assert!(spool.finish().await);
        assert!(schedule.turn().await.unwrap().is_some());
    }
}
