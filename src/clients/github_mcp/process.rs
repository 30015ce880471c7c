//! A session with the MCP server: a child process that speaks over its standard input and
//! output, or a server reached over HTTP. Started here, asked here, with a time limit on each
//! step, since the protocol's library has none.
//!
//! A child gets the token by its environment and, of ours, only what programs need to run: our
//! other secrets are none of its business. What it writes to standard error is logged at `debug`,
//! cut and without the token.

use std::process::Stdio;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation,
};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::streamable_http_client::{
    HttpStatusError, StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
    StreamableHttpError,
};
use rmcp::transport::{DynamicTransportError, TokioChildProcess};
use rmcp::{RoleClient, ServiceError, ServiceExt};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::super::github::refusal::{Refusal, Signs};
use super::super::http_client::streaming_client;
use super::tools::{Operations, choose};

/// What a child may see of our environment, beside what begins with [`INHERITED_PREFIXES`].
const INHERITED: [&str; 20] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SystemRoot",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "XDG_RUNTIME_DIR",
];
/// The server's own settings, and Docker's, in which it may run.
const INHERITED_PREFIXES: [&str; 2] = ["GITHUB_", "DOCKER_"];
/// Longest line of a child's standard error that is logged.
const LONGEST_LINE: usize = 500;

/// How the server is reached.
pub(super) enum Launch {
    /// Program, arguments, and `GITHUB_HOST` where it is not github.com.
    Child { program: String, arguments: Vec<String>, host: Option<String> },
    /// Streamable HTTP.
    Http { url: String },
}

/// What an answer was.
pub(super) enum Told {
    /// What was asked for, as text.
    Answer(String),
    /// An error's text.
    Error(String),
}

/// Why there was no answer.
pub(super) enum Silence {
    /// The session is over: the child died, or the connection broke.
    Ended,
    /// It took too long.
    TimedOut,
    /// The server refused before any tool was called.
    Refused(Refusal),
}

/// A server that answers.
pub(super) struct Session {
    service: RunningService<RoleClient, ClientConfig>,
    pub(super) operations: Operations,
    limit: Duration,
}

impl Launch {
    /// Starts or reaches the server, and asks it what it can do.
    pub(super) async fn start(
        &self,
        token: Option<&SecretString>,
        limit: Duration,
    ) -> Result<Session, Refusal> {
        let service = match self {
            Self::Child { program, arguments, host } => {
                let mut command = Command::new(program);
                command.args(arguments).env_clear().envs(inherited()).kill_on_drop(true);
                if let Some(token) = token {
                    command.env("GITHUB_PERSONAL_ACCESS_TOKEN", token.expose_secret());
                }
                if let Some(host) = host {
                    command.env("GITHUB_HOST", host);
                }
                let spawned = TokioChildProcess::builder(command).stderr(Stdio::piped()).spawn();
                let (transport, stderr) = spawned.map_err(|error| not_started(program, &error))?;
                if let Some(stderr) = stderr {
                    tokio::spawn(log_lines(stderr, token.cloned()));
                }
                within(limit, "it did not initialize", greeting().serve(transport)).await?
            }
            Self::Http { url } => {
                let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
                if let Some(token) = token {
                    config = config.auth_header(token.expose_secret());
                }
                let http = streaming_client(limit).map_err(|_| unavailable("no TLS"))?;
                let transport = StreamableHttpClientTransport::with_client(http, config);
                within(limit, "it did not initialize", greeting().serve(transport)).await?
            }
        };
        let listed = within(limit, "it did not list its tools", service.list_all_tools()).await?;
        let tools = listed.iter().map(|tool| (tool.name.as_ref(), tool.input_schema.as_ref()));
        Ok(Session { operations: choose(tools), service, limit })
    }
}

impl Session {
    /// Whether nobody is there any more.
    pub(super) fn is_over(&self) -> bool {
        self.service.is_transport_closed() || self.service.is_closed()
    }

    /// Calls a tool.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<Told, Silence> {
        let question = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let answer = tokio::time::timeout(self.limit, self.service.call_tool(question)).await;
        match answer {
            Err(_) | Ok(Err(ServiceError::Timeout { .. })) => Err(Silence::TimedOut),
            Ok(Ok(result)) => told(&result),
            Ok(Err(ServiceError::McpError(error))) => Ok(Told::Error(error.message.into_owned())),
            Ok(Err(ServiceError::TransportSend(error))) => Err(Silence::of_transport(&error)),
            Ok(Err(_)) => Err(Silence::Ended),
        }
    }

    /// Ends it; a child is gone when this returns.
    pub(super) async fn end(self) {
        // Closes standard input, then insists; the library's own limits add up to this.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.service.cancel()).await;
    }
}

impl Silence {
    fn of_transport(error: &DynamicTransportError) -> Self {
        match status_of(error.error.as_ref()) {
            Some(refusal) => Self::Refused(refusal),
            None => Self::Ended,
        }
    }
}

/// Both shapes of an error are known by their place: this one is marked in the result.
fn told(result: &CallToolResult) -> Result<Told, Silence> {
    let text = result.content.iter().find_map(|content| content.as_text());
    let text = text.map(|text| text.text.clone());
    match (result.is_error, text) {
        (Some(true), text) => Ok(Told::Error(text.unwrap_or_default())),
        (_, Some(text)) => Ok(Told::Answer(text)),
        (_, None) => Err(Silence::Refused(Refusal::Unreadable {
            what: "the MCP server answered without a text".to_owned(),
        })),
    }
}

/// The refusal in an HTTP answer somewhere below an error; none where the connection broke.
fn status_of(error: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
    let mut next = Some(error);
    while let Some(error) = next {
        let known = error.downcast_ref::<StreamableHttpError<reqwest::Error>>();
        match known {
            // The library hides this one from `source`.
            Some(StreamableHttpError::HttpStatus(status)) => return Some(of_status(status)),
            Some(StreamableHttpError::AuthRequired(_)) => {
                return Some(Refusal::BadToken { message: "authorization is required".to_owned() });
            }
            // With a body in JSON, the library keeps these two as a text alone.
            Some(StreamableHttpError::UnexpectedServerResponse(text)) => {
                let status = text.strip_prefix("HTTP ").and_then(|rest| rest.get(..3));
                let status = status.and_then(|s| s.parse().ok()).filter(|s| [401, 403].contains(s));
                return status.map(|status| Refusal::of(status, Signs::default()));
            }
            _ => next = error.source(),
        }
    }
    None
}

fn of_status(status: &HttpStatusError) -> Refusal {
    let seconds = status.retry_after.as_deref().and_then(|v| v.trim().parse().ok());
    let wait = seconds.map(Duration::from_secs);
    Refusal::of(status.status, Signs { wait, ..Signs::default() })
}

fn greeting() -> ClientConfig {
    let us = Implementation::new("jetbridge", env!("CARGO_PKG_VERSION"));
    ClientConfig::new(ClientCapabilities::default(), us)
}

/// Whether a failed start says that the token is refused.
trait SaysWho {
    fn refusal(&self) -> Option<Refusal>;
}

impl SaysWho for ClientInitializeError {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::TransportError { error, .. } => status_of(error.error.as_ref()),
            _ => None,
        }
    }
}

impl SaysWho for ServiceError {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::TransportSend(error) => status_of(error.error.as_ref()),
            _ => None,
        }
    }
}

async fn within<T, E: SaysWho>(
    limit: Duration,
    what: &str,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(limit, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(error.refusal().unwrap_or_else(|| unavailable(what))),
        Err(_) => Err(unavailable(&format!("{what} in time"))),
    }
}

fn unavailable(what: &str) -> Refusal {
    Refusal::Unavailable { what: format!("the MCP server failed, {what}") }
}

fn not_started(program: &str, error: &std::io::Error) -> Refusal {
    let kind = error.kind();
    Refusal::Unavailable {
        what: format!(
            "the MCP server {program} can't be started ({kind}): check github.mcp.command"
        ),
    }
}

fn inherited() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| {
            INHERITED.contains(&name) || INHERITED_PREFIXES.iter().any(|p| name.starts_with(p))
        })
    })
}

async fn log_lines(stderr: impl AsyncRead + Unpin, token: Option<SecretString>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!("GitHub's MCP server says: {}", printable(&line, token.as_ref()));
    }
}

/// A line without the token and no longer than is good.
fn printable(line: &str, token: Option<&SecretString>) -> String {
    let line = match token.map(ExposeSecret::expose_secret).filter(|token| !token.is_empty()) {
        Some(token) => line.replace(token, "[token]"),
        None => line.to_owned(),
    };
    line.chars().take(LONGEST_LINE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_says_is_logged_short_and_without_the_token() {
        let token = SecretString::from("ghp_secret");
        let line = format!("using ghp_secret {}", "x".repeat(2000));
        let logged = printable(&line, Some(&token));
        assert!(!logged.contains("ghp_secret"));
        assert_eq!(logged.chars().count(), LONGEST_LINE);
    }
}
