//! A simulated GitHub and Plane, and a folder that is configured for both.

use std::path::Path;

use axum::Router;
use jetbridge::sim::github::{NewHook, SimGitHub, SimGitHubConfig, SimToken};
use jetbridge::sim::plane::{SimPlane, SimPlaneConfig};
use serde_json::Value;
use uuid::Uuid;

use crate::{Place, serve};

pub const REPOSITORY: &str = "octo/hello";
pub const TOKEN: &str = "ghp_of_the_service";

/// Both sides.
pub struct Sides {
    pub github: SimGitHub,
    pub plane: SimPlane,
    pub project: Uuid,
    /// Where GitHub's webhook goes to, which takes everything.
    pub receiver: String,
}

impl Sides {
    pub async fn start() -> Self {
        Self::with_token(SimToken::full(TOKEN, "sync-bot")).await
    }

    /// GitHub knows this token alone.
    pub async fn with_token(token: SimToken) -> Self {
        let config = SimGitHubConfig { tokens: vec![token], ..SimGitHubConfig::default() };
        let github = SimGitHub::start(config).await.unwrap();
        github.add_repository(REPOSITORY).unwrap();
        let receiver = serve(Router::new().fallback(|| async { "{}" })).await;
        let hook = NewHook::to(format!("{receiver}/api/webhooks/github-mcp/"), "typed there");
        github.add_hook(REPOSITORY, hook).unwrap();
        github.settled().await;
        let config = SimPlaneConfig::default().with_project("SYNC", "Sync");
        let plane = SimPlane::start(config).await.unwrap();
        let project = plane.project("SYNC").unwrap().id;
        Self { github, plane, project, receiver }
    }

    /// `jetbridge.toml`; `more` stands in the repository's block.
    pub fn config(&self, more: &str) -> String {
        format!(
            "public_url = '{}'\n[[repositories]]\nname = '{REPOSITORY}'\nplane_project = '{}'\n{more}\n\
             [plane]\nwebhook_secret = 'plane_wh_x'\napi_url = '{}'\napi_key = '{}'\nworkspace = '{}'\n\
             [github]\nwebhook_secret = 'typed there'\napi_url = '{}'\ntoken = '{TOKEN}'\n",
            self.receiver,
            self.project,
            self.plane.api_url(),
            self.plane.api_key(),
            self.plane.workspace(),
            self.github.api_url(),
        )
    }

    /// Configured for both, with a database.
    pub fn place(&self, more: &str) -> Place {
        let place = Place::with_config(&self.config(more));
        place.run(&["migrate"]).done();
        place
    }
}

/// An MCP server that answers as recorded, as a command; the folder is what it answers from.
pub fn recorded_server() -> (tempfile::TempDir, String) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github-mcp");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(fixtures.join(name)).unwrap()).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, result: &Value| {
        std::fs::write(folder.path().join(name), format!("\"result\":{result}\n")).unwrap();
    };
    write("initialize", &read("github-mcp-server-0.12.1.initialize.json")["result"]);
    write("tools", &read("github-mcp-server-0.12.1.tools.json"));
    std::fs::write(folder.path().join("answers"), "").unwrap();
    let script = fixtures.join("child.sh");
    let command = format!("sh {} {}", script.display(), folder.path().display());
    (folder, command)
}
