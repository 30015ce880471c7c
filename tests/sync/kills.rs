//! `kill -9` before and after every single write to Plane and to GitHub, in a process of its own.

use std::net::TcpListener;
use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::sim::github::{CloseReason, NewIssue, RequestFault as GithubFault};
use jetbridge::sim::plane::{On, RequestFault};

use crate::support::databases::Kind;
use crate::support::process::{Served, eventually};
use crate::world::{Asking, GITHUB_SECRET, PLANE_SECRET, REPOSITORY, TOKEN, World};

/// Longer than the test: whoever waits for such an answer is killed meanwhile.
const FOR_EVER: Duration = Duration::from_mins(10);

/// A world whose application is the real binary.
struct Apart {
    world: World,
    port: u16,
    served: Option<Served>,
    /// How often it was killed in the middle of a write.
    killed: usize,
}

impl Apart {
    async fn new(kind: Kind) -> Self {
        Self::with(kind, "").await
    }

    /// `more` stands in the repository's block.
    async fn with(kind: Kind, more: &str) -> Self {
        let mut world = World::new(kind, Asking::Rest).await;
        world.stop().await;
        let port = world.config.listen.port();
        let file = format!(
            "[[repositories]]\nname = \"{REPOSITORY}\"\nplane_project = \"{}\"\n{more}",
            world.project
        );
        std::fs::write(world.folder().join("jetbridge.toml"), file).unwrap();
        let mut apart = Self { world, port, served: None, killed: 0 };
        apart.start().await;
        apart
    }

    async fn start(&mut self) {
        eventually("a free port", || async { TcpListener::bind(("127.0.0.1", self.port)).is_ok() })
            .await;
        let listen = format!("127.0.0.1:{}", self.port);
        let (plane, github) = (&self.world.plane, &self.world.github);
        let environment = [
            ("JETBRIDGE_LISTEN", listen),
            ("JETBRIDGE_PLANE_WEBHOOK_SECRET", PLANE_SECRET.to_owned()),
            ("JETBRIDGE_PLANE_API_URL", plane.api_url()),
            ("JETBRIDGE_PLANE_API_KEY", plane.api_key()),
            ("JETBRIDGE_PLANE_WORKSPACE", plane.workspace()),
            ("JETBRIDGE_GITHUB_WEBHOOK_SECRET", GITHUB_SECRET.to_owned()),
            ("JETBRIDGE_GITHUB_API_URL", github.api_url()),
            ("JETBRIDGE_GITHUB_TOKEN", TOKEN.to_owned()),
            ("JETBRIDGE_RETRY_BASE", "1s".to_owned()),
        ];
        let environment: Vec<_> = environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let folder = self.world.folder();
        let served = Served::start_with(self.world.database_text(), folder, &[], &environment);
        self.served = Some(served);
    }

    /// Kills it in the middle of its next write, and starts it again. Whether there was one.
    async fn kill_at_next_write(&mut self) -> bool {
        // One that was cut off by an earlier kill is never answered either.
        let mut idle = 0;
        while self.unanswered() == self.killed {
            let queue = self.world.store.queue_stats(Clock::System.now()).await.unwrap();
            let still = queue.queued == 0 && queue.claimed == 0;
            idle = if still { idle + 1 } else { 0 };
            if idle > 10 {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.served.take().unwrap().kill();
        self.killed += 1;
        self.start().await;
        true
    }

    fn unanswered(&self) -> usize {
        let to_plane = self.world.plane.writes();
        let to_github = self.world.github.requests();
        let to_github = to_github.iter().filter(|seen| seen.method != "GET");
        to_plane.iter().filter(|write| write.status.is_none()).count()
            + to_github.filter(|seen| seen.status.is_none()).count()
    }
}

/// Makes everything that Plane can be asked to write: a label, an item, its link, a comment; then
/// changes and deletes.
async fn a_story(fault: RequestFault, kind: Kind) -> usize {
    let mut apart = Apart::new(kind).await;
    for chapter in 0..2 {
        tell(&apart.world, chapter);
        apart.world.github.settled().await;
        apart.world.plane.faults().next_requests(1, On::Writes, fault);
        // The write that was begun again gets through; the one after it is the next to hang.
        while apart.kill_at_next_write().await {
            apart.world.plane.faults().clear();
            apart.world.plane.faults().requests_after(1, 1, On::Writes, fault);
        }
        apart.world.plane.faults().clear();
        let redelivered = apart.world.github.redeliver_failed(REPOSITORY, apart.world.hook);
        redelivered.unwrap();
        apart.world.settle().await;
        apart.world.assert_equal();
    }
    apart.killed
}

fn tell(world: &World, chapter: u8) {
    let ada = world.github.acting_as("ada");
    if chapter == 0 {
        ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
        let issue = NewIssue::titled("Crash").with_body("One").with_labels(["bug"]);
        ada.open_issue(REPOSITORY, &issue).unwrap();
        ada.comment(REPOSITORY, 1, "First").unwrap();
        ada.comment(REPOSITORY, 1, "Second").unwrap();
    } else {
        let comments = world.github.comments(REPOSITORY, 1).unwrap();
        ada.edit_comment(REPOSITORY, comments[0].id, "First, edited").unwrap();
        ada.delete_comment(REPOSITORY, comments[1].id).unwrap();
        ada.close(REPOSITORY, 1, CloseReason::Completed).unwrap();
    }
}

#[tokio::test]
async fn killed_before_every_write_it_ends_with_both_sides_equal() {
    let kills = a_story(RequestFault::HangBefore(FOR_EVER), Kind::Sqlite).await;
    assert!(kills >= 4, "killed {kills} times");
}

#[tokio::test]
async fn killed_after_every_write_it_ends_with_both_sides_equal() {
    let kills = a_story(RequestFault::HangAfter(FOR_EVER), Kind::Sqlite).await;
    assert!(kills >= 4, "killed {kills} times");
}

/// Whoever was assigned in Plane makes room for another one there, twice: each time GitHub is asked to
/// take one off and to add one. `then` is what the writes after a kill meet.
async fn a_story_of_people(fault: GithubFault, then: &[GithubFault]) -> usize {
    let mut apart = Apart::with(Kind::Sqlite, "direction = \"both\"\n").await;
    let issue = NewIssue::titled("Crash").assigned_to(["ada"]);
    apart.world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
    apart.world.settle().await;
    let item = apart.world.twin(&apart.world.issue(1)).id;
    for name in ["grace", "ada"] {
        apart.world.github.add_write_faults([fault]);
        let person = apart.world.plane.person("grace").unwrap();
        person.assign(item, &[apart.world.plane.user(name).unwrap().id]).unwrap();
        apart.world.plane.settled().await;
        while apart.kill_at_next_write().await {
            apart.world.github.clear_request_faults();
            apart.world.github.add_write_faults(then.iter().copied());
        }
        apart.world.github.clear_request_faults();
        apart.world.settle().await;
        apart.world.assert_equal();
        let assigned = apart.world.issue(1).assignees;
        assert_eq!(assigned.iter().map(|a| a.login.as_str()).collect::<Vec<_>>(), [name]);
    }
    apart.killed
}

#[tokio::test]
async fn killed_before_every_write_to_github_it_ends_with_both_sides_equal() {
    // The write that was begun again gets through; the one after it is the next to hang.
    let kills = a_story_of_people(GithubFault::Hang, &[GithubFault::None, GithubFault::Hang]).await;
    assert!(kills >= 4, "killed {kills} times");
}

#[tokio::test]
async fn killed_after_every_write_to_github_it_ends_with_both_sides_equal() {
    let kills = a_story_of_people(GithubFault::HangAfter, &[GithubFault::HangAfter]).await;
    assert!(kills >= 4, "killed {kills} times");
}
