//! The planner's promises, against a remote that keeps its own account.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;

fn start() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// Counts as Plane does.
struct Plane {
    most: usize,
    asked: VecDeque<Timestamp>,
}

impl Plane {
    fn of(most: usize) -> Self {
        Self { most, asked: VecDeque::new() }
    }

    /// What it answers to a request that arrives now.
    fn arrives(&mut self, now: Timestamp) -> Heard {
        while self.asked.front().is_some_and(|at| *at + Duration::from_mins(1) <= now) {
            self.asked.pop_front();
        }
        if self.asked.len() >= self.most {
            let wait = self.asked[0] + Duration::from_mins(1) - now;
            let came = Came::Limited { wait: Some(wait.to_std().unwrap()) };
            return Heard { came, said: Said::default() };
        }
        self.asked.push_back(now);
        let left = u32::try_from(self.most - self.asked.len()).unwrap();
        Heard { came: Came::Answer, said: Said { remaining: Some(left), ..Said::default() } }
    }
}

fn limited(heard: &Heard) -> bool {
    matches!(heard.came, Came::Limited { .. })
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn class() -> impl Strategy<Value = Class> {
    (0..4_i64).prop_map(Class::of_number)
}

/// A request on its way: when it arrives, and when its answer does.
struct Travelling {
    pass: Pass,
    arrives: Timestamp,
    answered: Timestamp,
    heard: Option<Heard>,
}

/// Lets everything happen that happens until `now`, in the order of time.
fn pass_time(
    account: &mut Account,
    plane: &mut Plane,
    travelling: &mut Vec<Travelling>,
    now: Timestamp,
) -> usize {
    let mut refused = 0;
    loop {
        let next = |t: &Travelling| if t.heard.is_none() { t.arrives } else { t.answered };
        let first = (0..travelling.len()).min_by_key(|at| next(&travelling[*at]));
        let Some(at) = first.filter(|at| next(&travelling[*at]) <= now) else { return refused };
        match travelling[at].heard.take() {
            None => {
                let heard = plane.arrives(travelling[at].arrives);
                refused += usize::from(limited(&heard));
                travelling[at].heard = Some(heard);
            }
            Some(heard) => {
                let done = travelling.swap_remove(at);
                account.heard(done.pass, &heard, Pauses::default(), done.answered);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked, by whom and however long the answers take.
    #[test]
    fn plane_never_refuses_what_the_planner_lets_go(
        most in 1..80_usize,
        steps in proptest::collection::vec((0..1500_u64, class(), 0..4000_u64, 0..4000_u64), 1..400)
    ) {
        let (mut account, mut plane) = (Account::new(Remote::Plane), Plane::of(most));
        let (mut now, mut travelling) = (start(), Vec::new());
        // The limit is learned from the first answer.
        let first = account.ask(Class::Live, Kind::Read, now).unwrap();
        account.heard(first, &plane.arrives(now), Pauses::default(), now);
        for (step, class, there, back) in steps {
            now += millis(step);
            prop_assert_eq!(pass_time(&mut account, &mut plane, &mut travelling, now), 0);
            if let Ok(pass) = account.ask(class, Kind::Read, now) {
                let arrives = now + millis(there);
                travelling.push(Travelling { pass, arrives, answered: arrives + millis(back), heard: None });
            }
        }
        let end = now + Duration::from_mins(1);
        prop_assert_eq!(pass_time(&mut account, &mut plane, &mut travelling, end), 0);
    }

    /// Who asks now is refused only when those who ask now have had the room that is theirs.
    #[test]
    fn a_lower_class_never_makes_a_live_change_wait(
        most in 2..120_u32,
        lower in 1..4_i64,
        steps in proptest::collection::vec((0..1200_u64, any::<bool>()), 1..600)
    ) {
        let (lower, mut now) = (Class::of_number(lower), start());
        let mut account = Account::new(Remote::Plane);
        let mut plane = Plane::of(most as usize);
        let first = account.ask(Class::Live, Kind::Read, now).unwrap();
        account.heard(first, &plane.arrives(now), Pauses::default(), now);
        let mut live = VecDeque::from([now]);
        for (step, is_live) in steps {
            now += millis(step);
            let class = if is_live { Class::Live } else { lower };
            match account.ask(class, Kind::Read, now) {
                Ok(pass) => {
                    let heard = plane.arrives(now);
                    prop_assert!(!limited(&heard));
                    account.heard(pass, &heard, Pauses::default(), now);
                    if is_live {
                        live.push_back(now);
                    } else {
                        let left = account.left(now).unwrap();
                        prop_assert!(left >= lower.leaves(most), "{lower} left {left} of {most}");
                    }
                }
                Err(held) if is_live => {
                    live.retain(|at| *at + Duration::from_secs(61) > now);
                    let theirs = lower.leaves(most) as usize;
                    prop_assert!(live.len() >= theirs, "{} of {theirs}: {held:?}", live.len());
                }
                Err(_) => {}
            }
        }
    }

    /// Whoever waits until he was told to goes then, if nobody came before him.
    #[test]
    fn the_time_that_is_told_is_the_time_at_which_it_goes(
        most in 1..80_usize,
        asker in class(),
        steps in proptest::collection::vec((0..3000_u64, class()), 1..300)
    ) {
        let (mut account, mut plane, mut now) = (Account::new(Remote::Plane), Plane::of(most), start());
        for (step, class) in steps {
            now += millis(step);
            if let Ok(pass) = account.ask(class, Kind::Read, now) {
                let heard = plane.arrives(now);
                account.heard(pass, &heard, Pauses::default(), now);
            }
        }
        if let Some(held) = account.look(asker, now) {
            prop_assert!(account.look(asker, held.until).is_none());
        }
        if let Err(held) = account.ask(asker, Kind::Read, now) {
            prop_assert!(held.until > now);
            prop_assert!(account.ask(asker, Kind::Read, held.until).is_ok());
        }
    }

    /// All of GitHub's limits at once, by its own words and by ours.
    #[test]
    fn github_is_never_asked_beyond_any_of_its_limits(
        hourly in 50..5000_u32,
        steps in proptest::collection::vec((0..400_u64, class(), any::<bool>()), 1..1500)
    ) {
        let (mut account, mut now) = (Account::new(Remote::Github), start());
        let (mut hour_ends, mut used) = (now, 0_u32);
        let mut asked: VecDeque<(Timestamp, Kind)> = VecDeque::new();
        for (step, class, writes) in steps {
            // Now and then a while of nothing.
            now += if step == 0 { Duration::from_mins(7) } else { millis(step) };
            let kind = if writes { Kind::Write } else { Kind::Read };
            let Ok(pass) = account.ask(class, kind, now) else { continue };
            if now >= hour_ends {
                (hour_ends, used) = (now + Duration::from_hours(1), 0);
            }
            used += 1;
            asked.retain(|(at, _)| *at + Duration::from_hours(1) > now);
            prop_assert!(used <= hourly, "{used} of {hourly} in an hour");
            let within = |length: Duration| asked.iter().filter(move |(at, _)| *at + length > now);
            let is_write = |asked: &&(Timestamp, Kind)| asked.1 == Kind::Write;
            let weight = |kind| if kind == Kind::Write { 5 } else { 1 };
            let minute = Duration::from_mins(1);
            let points: u32 = within(minute).map(|(_, kind)| weight(*kind)).sum();
            prop_assert!(points + weight(kind) <= 900);
            if writes {
                prop_assert!(within(minute).filter(is_write).count() < 80);
                prop_assert!(within(Duration::from_hours(1)).filter(is_write).count() < 500);
                prop_assert_eq!(within(Duration::from_secs(1)).filter(is_write).count(), 0);
            }
            asked.push_back((now, kind));
            let said = Said {
                remaining: Some(hourly - used),
                most: Some(hourly),
                resets_at: Some(hour_ends),
            };
            account.heard(pass, &Heard { came: Came::Answer, said }, Pauses::default(), now);
        }
    }
}

#[test]
fn other_peoples_use_of_the_key_is_counted() {
    let (mut account, mut plane, now) = (Account::new(Remote::Plane), Plane::of(60), start());
    let first = account.ask(Class::Live, Kind::Read, now).unwrap();
    account.heard(first, &plane.arrives(now), Pauses::default(), now);
    for _ in 0..40 {
        plane.arrives(now);
    }
    let second = account.ask(Class::Live, Kind::Read, now).unwrap();
    account.heard(second, &plane.arrives(now), Pauses::default(), now);
    assert_eq!(account.left(now), Some(18));
    let held = account.ask(Class::Backfill, Kind::Read, now).unwrap_err();
    assert_eq!(held.why, Why::Kept, "18 are left, and 30 are kept for those before it");
    assert_eq!(account.left(now + Duration::from_secs(61)), Some(60));
}

#[test]
fn what_others_used_is_forgotten_where_the_clock_was_set_back() {
    let (mut account, mut plane, now) = (Account::new(Remote::Plane), Plane::of(60), start());
    for _ in 0..2 {
        let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
        account.heard(pass, &plane.arrives(now), Pauses::default(), now);
        for _ in 0..40 {
            plane.arrives(now);
        }
    }
    assert_eq!(account.left(now), Some(18), "others used 40");
    let before = now - Duration::from_hours(5);
    let left = account.left(before).unwrap();
    assert!(
        left >= 58,
        "{left} are left: what others used is over long before it ends by this clock"
    );
}

#[test]
fn one_answer_without_a_word_on_the_limit_takes_no_limit_away() {
    let (mut account, mut plane, now) = (Account::new(Remote::Plane), Plane::of(60), start());
    let wordless = |account: &mut Account| {
        let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
        let heard = Heard { came: Came::Answer, said: Said::default() };
        account.heard(pass, &heard, Pauses::default(), now);
        account.left(now)
    };
    // Some proxy's own, twice, with one of Plane's between.
    assert!(wordless(&mut account).is_some());
    assert!(wordless(&mut account).is_some());
    let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
    account.heard(pass, &plane.arrives(now), Pauses::default(), now);
    for _ in 0..5 {
        assert!(wordless(&mut account).is_some(), "what it said lately holds");
    }
    let mut silent = Account::new(Remote::Plane);
    let lefts: Vec<_> = (0..3).map(|_| wordless(&mut silent).is_some()).collect();
    assert_eq!(lefts, [true, true, false], "three in a row are its own");
}

#[test]
fn after_a_restart_in_the_midst_of_work_the_whole_limit_is_found_out() {
    let (mut account, mut plane, mut now) = (Account::new(Remote::Plane), Plane::of(60), start());
    // What the process asked before it was started again, a second apart.
    for _ in 0..30 {
        plane.arrives(now);
        now += Duration::from_secs(1);
    }
    for nth in 0..100 {
        let pass = account.ask(Class::Live, Kind::Read, now);
        let pass = pass.unwrap_or_else(|held| panic!("{held:?} at request {nth}"));
        account.heard(pass, &plane.arrives(now), Pauses::default(), now);
        now += millis(1100);
    }
}

#[test]
fn a_remote_that_says_nothing_of_a_limit_has_none() {
    let (mut account, now) = (Account::new(Remote::Plane), start());
    for _ in 0..500 {
        let pass = account.ask(Class::Backfill, Kind::Write, now).unwrap();
        let heard = Heard { came: Came::Answer, said: Said::default() };
        account.heard(pass, &heard, Pauses::default(), now);
    }
    assert_eq!(account.left(now), None);
}

#[test]
fn a_refusal_blocks_every_class_for_as_long_as_it_says() {
    let (mut account, now) = (Account::new(Remote::Plane), start());
    let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
    let came = Came::Limited { wait: Some(Duration::from_secs(42)) };
    account.heard(pass, &Heard { came, said: Said::default() }, Pauses::default(), now);
    let until = now + Duration::from_secs(42);
    for class in Class::ALL {
        assert_eq!(account.ask(class, Kind::Read, now), Err(Held { why: Why::UsedUp, until }));
        assert!(account.clone().ask(class, Kind::Read, until).is_ok());
    }
}

#[test]
fn a_limit_that_does_not_say_how_long_is_waited_for_longer_each_time() {
    let (mut account, mut now) = (Account::new(Remote::Github), start());
    let mut waits = Vec::new();
    for _ in 0..4 {
        let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
        let heard = Heard { came: Came::Limited { wait: None }, said: Said::default() };
        account.heard(pass, &heard, Pauses::default(), now);
        let held = account.ask(Class::Live, Kind::Read, now).unwrap_err();
        waits.push((held.until - now).num_minutes());
        now = held.until;
    }
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn what_an_account_knows_outlives_its_process() {
    let (mut account, mut plane, now) = (Account::new(Remote::Plane), Plane::of(5), start());
    for _ in 0..3 {
        let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
        account.heard(pass, &plane.arrives(now), Pauses::default(), now);
    }
    let text = serde_json::to_string(&account).unwrap();
    let read: Account = serde_json::from_str(&text).unwrap();
    assert_eq!(read, account);
    assert_eq!(read.left(now), Some(2));
}
