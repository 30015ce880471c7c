//! How a simulated Plane is set up: its people, its projects, its limits and its pace.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Clock;
use crate::sim::log;

/// What a member may do, in Plane's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May read and comment.
    Guest = 5,
    /// May write, and may be assigned.
    Member = 15,
    /// May do everything.
    Admin = 20,
}

/// Somebody with an account.
#[derive(Clone)]
pub struct User {
    /// The id, as it stands in `assignees`.
    pub id: Uuid,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Address; other members see it.
    pub email: String,
    /// The name that people see, and by which [`super::SimPlane::person`] finds them.
    pub display_name: String,
    /// What `X-API-Key` must hold.
    pub api_key: String,
    /// In the workspace and in every project that is set up; `None` for an outsider.
    pub role: Option<Role>,
    /// Minutes east of Greenwich: REST answers this user in that time zone.
    pub utc_offset_minutes: i32,
}

impl User {
    /// Somebody named `display_name`, with id and key made from a number.
    pub fn new(number: u128, display_name: &str, role: Option<Role>) -> Self {
        Self {
            id: Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 | number),
            first_name: display_name.to_owned(),
            last_name: String::new(),
            email: format!("{display_name}@example.com"),
            display_name: display_name.to_owned(),
            api_key: format!("plane_api_{number:032x}"),
            role,
            utc_offset_minutes: 0,
        }
    }

    /// Under another id.
    #[must_use]
    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = id;
        self
    }

    /// With a full name.
    #[must_use]
    pub fn named(mut self, first: &str, last: &str) -> Self {
        (self.first_name, self.last_name) = (first.to_owned(), last.to_owned());
        self
    }
}

/// How many requests a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// As many as it likes, and no header about it.
    Unlimited,
    /// So many in any minute.
    PerMinute(usize),
}

/// How a simulated Plane is set up.
#[derive(Clone)]
pub struct SimPlaneConfig {
    /// The workspace's name in paths.
    pub workspace: String,
    /// The workspace's id.
    pub workspace_id: Uuid,
    /// Everybody; the first one is the service's own user.
    pub users: Vec<User>,
    /// Projects to begin with: identifier and name.
    pub projects: Vec<(String, String)>,
    /// Tells the time for stamps and for the rate limit.
    pub clock: Clock,
    /// Where ids come from; equal seeds give equal ids.
    pub seed: u64,
    /// How many requests a key has.
    pub rate_limit: RateLimit,
    /// How long a create takes between looking for a duplicate and storing: creates of one
    /// external id that overlap in it all succeed, as Plane's do.
    pub race_window: Duration,
    /// How long a change waits before its webhooks are made: what they carry is read then.
    pub webhook_latency: Duration,
    /// How long a receiver may take to answer.
    pub webhook_timeout: Duration,
    /// Longest wait before a webhook is tried again; the wait is drawn from zero to this.
    pub webhook_retry_wait: Duration,
    /// How many requests and sent webhooks it remembers: the newest.
    pub remembered: usize,
}

impl Default for SimPlaneConfig {
    fn default() -> Self {
        Self {
            workspace: "acme".to_owned(),
            workspace_id: Uuid::from_u128(0x9d31_3cd8_d5ad_4a57_93e4_c6c0_963a_51d8),
            users: vec![
                User::new(1, "sync-bot", Some(Role::Admin)).named("Sync", "Bot"),
                User::new(2, "ada", Some(Role::Admin)).named("Ada", "Lovelace"),
                User::new(3, "grace", Some(Role::Member)).named("Grace", "Hopper"),
                User::new(4, "guest", Some(Role::Guest)).named("Gus", "Guest"),
                User::new(5, "outsider", None).named("Otto", "Outsider"),
            ],
            projects: Vec::new(),
            clock: Clock::System,
            seed: 0,
            rate_limit: RateLimit::Unlimited,
            race_window: Duration::ZERO,
            webhook_latency: Duration::from_millis(5),
            webhook_timeout: Duration::from_secs(30),
            webhook_retry_wait: Duration::from_mins(10),
            remembered: log::MOST,
        }
    }
}

impl SimPlaneConfig {
    /// With one more project, of which everybody with a role is a member.
    #[must_use]
    pub fn with_project(mut self, identifier: &str, name: &str) -> Self {
        self.projects.push((identifier.to_owned(), name.to_owned()));
        self
    }

    /// Real Plane's limit.
    #[must_use]
    pub fn with_rate_limit(mut self, per_minute: usize) -> Self {
        self.rate_limit = RateLimit::PerMinute(per_minute);
        self
    }

    /// Telling another time.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}
