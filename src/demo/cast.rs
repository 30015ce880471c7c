//! Who plays, and where: people with an account on either side, repositories, projects, labels.
//!
//! Everything is made up. One of them has no account in Plane on purpose: an assignee whom nobody
//! there goes by is something that an operator meets in the first week.

use uuid::Uuid;

use crate::sim::plane::{Role, User};

/// Somebody who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Player {
    /// At GitHub.
    pub login: &'static str,
    /// In Plane: the name that others see there; `None` for whoever has no account.
    pub plane: Option<&'static str>,
    /// Their address, by which the two are known to be one.
    pub email: &'static str,
    first_name: &'static str,
    last_name: &'static str,
}

/// Everybody with an account on both sides, then those with one at GitHub only.
pub const PLAYERS: [Player; 6] = [
    player("mira-okafor", Some("Mira"), "mira@example.com", "Mira", "Okafor"),
    player("jonas-lind", Some("Jonas"), "jonas@example.com", "Jonas", "Lind"),
    player("yuki-tanaka", Some("由紀"), "yuki@example.com", "由紀", "田中"),
    player("salma-haddad", Some("سلمى"), "salma@example.com", "سلمى", "حداد"),
    player("teo", Some("teo"), "teo@example.com", "Teo", "Brandt"),
    player("passing-by-pat", None, "pat@example.net", "Pat", "Moss"),
];

/// Who has an account in Plane, too.
pub const IN_PLANE: usize = 5;

/// The service's own user in Plane, and the login of its token at GitHub.
pub const SERVICE: &str = "jetbridge-bot";

const fn player(
    login: &'static str,
    plane: Option<&'static str>,
    email: &'static str,
    first_name: &'static str,
    last_name: &'static str,
) -> Player {
    Player { login, plane, email, first_name, last_name }
}

/// The accounts in Plane, the service's own first.
pub fn plane_users() -> Vec<User> {
    let service = User::new(1, SERVICE, Some(Role::Admin)).named("Jetbridge", "Bot");
    let mut users = vec![service];
    for (number, player) in (2..).zip(PLAYERS) {
        let Some(name) = player.plane else { continue };
        let role = if number == 2 { Role::Admin } else { Role::Member };
        let user = User::new(number, name, Some(role)).named(player.first_name, player.last_name);
        users.push(User { email: player.email.to_owned(), ..user });
    }
    users
}

/// A repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `owner/name`.
    pub repository: &'static str,
    /// The project that it is kept in step with: identifier and name. None: on the board only.
    pub project: Option<(&'static str, &'static str)>,
}

/// All repositories.
pub const PLACES: [Place; 3] = [
    Place { repository: "octo/api", project: Some(("API", "Public API")) },
    Place { repository: "octo/web", project: Some(("WEB", "Web app")) },
    Place { repository: "octo/handbook", project: None },
];

/// Labels that every repository has, with their colors.
pub const LABELS: [(&str, &str); 8] = [
    ("bug", "d73a4a"),
    ("enhancement", "a2eeef"),
    ("docs", "0075ca"),
    ("performance", "fbca04"),
    ("security", "b60205"),
    ("good first issue", "7057ff"),
    ("a11y", "0e8a16"),
    ("needs info", "d876e3"),
];

/// The workspace's name in Plane.
pub const WORKSPACE: &str = "octo";
/// The workspace's id.
pub const WORKSPACE_ID: Uuid = Uuid::from_u128(0x0c70_0c70_0c70_4c70_8c70_0c70_0c70_0c70);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_in_plane_stands_first() {
        let with_account = |player: &&Player| player.plane.is_some();
        assert_eq!(PLAYERS.iter().take_while(with_account).count(), IN_PLANE);
        assert_eq!(PLAYERS.iter().filter(with_account).count(), IN_PLANE);
        assert_eq!(plane_users().len(), IN_PLANE + 1);
    }
}
