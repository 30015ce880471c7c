//! A child process that speaks MCP from files, so that its answers are the recorded ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jetbridge::clients::github_mcp::GitHubMcp;
use jetbridge::clock::Clock;
use jetbridge::config::McpServer;
use serde_json::Value;

use crate::secret;

pub fn fixture(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github-mcp")
}

/// What the recorded server answered, as the child is to give it.
pub fn recorded(tool: &str, arguments: &Value) -> String {
    let all = fixture("github-mcp-server-0.12.1.calls.json");
    let mut matching = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["tool"] == tool && c["arguments"] == *arguments);
    member(&matching.next().unwrap_or_else(|| panic!("{tool} {arguments} is recorded"))["response"])
}

/// `"result":…` or `"error":…` of a response.
pub fn member(response: &Value) -> String {
    match response.get("error") {
        Some(error) => format!("\"error\":{error}"),
        None => format!("\"result\":{}", response["result"]),
    }
}

/// A successful answer with this text.
pub fn answer(text: &Value) -> String {
    let text = Value::from(text.to_string());
    format!("\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":{text}}}]}}")
}

/// The folder that a child speaks from.
pub struct Child {
    folder: tempfile::TempDir,
}

impl Child {
    /// Lists the tools of a fixture and answers calls in this order.
    pub fn new(tools: &str, answers: &[String]) -> Self {
        let child = Self { folder: tempfile::tempdir().unwrap() };
        let initialize = fixture("github-mcp-server-0.12.1.initialize.json");
        child.write("initialize", &member(&initialize));
        child.write("tools", &format!("\"result\":{}", fixture(tools)));
        child.write("answers", &answers.join("\n"));
        child
    }

    /// The older official server.
    pub fn older(answers: &[String]) -> Self {
        Self::new("github-mcp-server-0.12.1.tools.json", answers)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), format!("{text}\n")).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    /// What it left behind, line by line.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn command(&self) -> McpServer {
        let script = folder().join("child.sh").display().to_string();
        let folder = self.folder.path().display().to_string();
        McpServer::Command(vec!["sh".to_owned(), script, folder])
    }

    pub fn client(&self, clock: &Clock, limit: Duration) -> GitHubMcp {
        let api_url = "http://127.0.0.1/api/v3";
        GitHubMcp::new(&self.command(), api_url, &secret(crate::TOKEN), clock.clone(), limit)
            .unwrap()
    }
}
