//! `jetbridge doctor`: checks what a running service depends on, and says what to do.
//!
//! It changes nothing but what every start does (the database's tables are brought up to date
//! when it is there); an empty installation stays empty.

use std::fs::OpenOptions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::arguments::Format;
use super::table::printable;
use super::{Context, Failed, missing_file, output};
use crate::clients::plane::PlaneClient;
use crate::config::admin_token::admin_token_file;
use crate::config::{Config, Settings, UnsignedWebhooks};
use crate::store::Store;

const LIMIT: Duration = Duration::from_secs(5);

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but probably not as meant.
    Warning,
    /// Has to be put right: the exit status is 1.
    Problem,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, message: message.into(), fix: None }
    }

    fn warning(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (message, fix) = (message.into(), Some(fix.into()));
        Self { check, verdict: Verdict::Warning, message, fix }
    }

    fn problem(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (message, fix) = (message.into(), Some(fix.into()));
        Self { check, verdict: Verdict::Problem, message, fix }
    }

    /// From an error line of the form “what is wrong: what to do”, or with a semicolon.
    fn of_error(check: &'static str, error: &impl ToString) -> Self {
        let line = error.to_string();
        match line.rsplit_once("; ").or_else(|| line.rsplit_once(": ")) {
            Some((message, fix)) => Self::problem(check, message, fix),
            None => Self::problem(check, line, "put it right, then run jetbridge doctor again"),
        }
    }
}

/// Runs all checks and prints them.
pub(super) async fn run(format: Format, context: &Context) -> Result<(), Failed> {
    let findings = examine(context).await;
    match format {
        Format::Json => {
            #[derive(Serialize)]
            struct Findings<'a> {
                items: &'a [Finding],
            }
            output::print_json(&Findings { items: &findings })?;
        }
        Format::Table => output::print(&page(&findings))?,
    }
    let any = findings.iter().any(|finding| finding.verdict == Verdict::Problem);
    if any { Err(Failed::Findings) } else { Ok(()) }
}

fn page(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "PROBLEM",
        };
        let head = format!("{verdict:7}  {}: {}\n", finding.check, printable(&finding.message));
        let fix = finding.fix.as_ref().map(|fix| format!("         fix: {}\n", printable(fix)));
        head + &fix.unwrap_or_default()
    });
    lines.collect()
}

async fn examine(context: &Context) -> Vec<Finding> {
    let settings = match Settings::read(&context.overrides, &context.environment) {
        Ok(settings) => settings,
        Err(error) => return vec![Finding::of_error("configuration", &error)],
    };
    let mut findings = vec![configuration(&settings)];
    let warnings = settings.warnings().iter();
    findings.extend(
        warnings.map(|w| {
            Finding::warning("configuration", w.clone(), "check its spelling, or unset it")
        }),
    );
    let config = match settings.resolve(&context.environment).await {
        Ok(config) => config,
        Err(error) => {
            findings.push(Finding::of_error("secrets", &error));
            settings.without_secrets().clone()
        }
    };
    findings.push(webhook_secret(&settings));
    findings.extend(unsigned(&config));
    findings.push(public_url(&config.public_url));
    findings.push(data_dir(&config.data_dir));
    findings.push(admin_token(&settings, &config.data_dir));
    findings.push(database(&config).await);
    findings.push(plane_api(&settings, &config).await);
    findings
}

fn configuration(settings: &Settings) -> Finding {
    let read = settings.file().map_or_else(
        || "no file, defaults and environment".to_owned(),
        |file| format!("read from {}", file.display()),
    );
    Finding::ok("configuration", read)
}

fn webhook_secret(settings: &Settings) -> Finding {
    let is_set = |key: &str| settings.secrets().iter().any(|(k, s)| *k == key && !s.is_empty());
    if is_set("plane.webhook_secret") {
        return Finding::ok("plane.webhook_secret", "is set");
    }
    Finding::problem(
        "plane.webhook_secret",
        "is not set, so Plane's webhooks are answered with 503",
        "copy the secret that Plane shows when a webhook is made into JETBRIDGE_PLANE_WEBHOOK_SECRET or plane.webhook_secret",
    )
}

fn unsigned(config: &Config) -> Option<Finding> {
    (config.github.unsigned == UnsignedWebhooks::Accept).then(|| {
        Finding::warning(
            "github.allow_unsigned",
            "is true, so anybody can send webhooks in GitHub's name",
            "set github.webhook_secret and remove github.allow_unsigned",
        )
    })
}

fn public_url(url: &str) -> Finding {
    if is_loopback(url) {
        return Finding::warning(
            "public_url",
            format!("{url} can be reached from this machine only"),
            "set public_url to the address at which Plane reaches this service, such as https://hooks.example.com",
        );
    }
    if url.starts_with("http://") {
        return Finding::warning(
            "public_url",
            format!("{url} is not encrypted, and the admin token goes over it"),
            "put a proxy with HTTPS in front and set public_url to its https:// address",
        );
    }
    Finding::ok("public_url", url)
}

fn is_loopback(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn data_dir(data_dir: &Path) -> Finding {
    const CHECK: &str = "data_dir";
    // What is not there yet is made at the first start, in the first folder above that is.
    let there = data_dir.ancestors().find(|folder| folder.exists());
    let there = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".jetbridge-doctor-{}", uuid::Uuid::new_v4().simple()));
    let written = OpenOptions::new().write(true).create_new(true).open(&probe);
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(_) if there == data_dir => {
            Finding::ok(CHECK, format!("{} is writable", there.display()))
        }
        Ok(_) => Finding::ok(CHECK, format!("{} is made at the first start", data_dir.display())),
        Err(error) => Finding::problem(
            CHECK,
            format!("{} is not writable ({error})", there.display()),
            "give jetbridge's user the right to write there, or set data_dir to another folder",
        ),
    }
}

fn admin_token(settings: &Settings, data_dir: &Path) -> Finding {
    const CHECK: &str = "admin_token";
    if settings.secrets().iter().any(|(key, setting)| *key == CHECK && !setting.is_empty()) {
        return Finding::ok(CHECK, "is set");
    }
    let path = admin_token_file(data_dir);
    let Ok(about) = std::fs::metadata(&path) else {
        return Finding::ok(CHECK, format!("{} is made at the first start", path.display()));
    };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Finding::problem(
            CHECK,
            format!("{} can be read by others (mode {mode:04o})", path.display()),
            format!("chmod 600 {}", path.display()),
        );
    }
    Finding::ok(CHECK, format!("{} is private", path.display()))
}

async fn database(config: &Config) -> Finding {
    const CHECK: &str = "database_url";
    let url = &config.database_url;
    if let Some(path) = missing_file(url) {
        return Finding::ok(CHECK, format!("{} is made at the first start", path.display()));
    }
    let checked = async {
        let store = Store::open(url).await?;
        let answered = store.ping().await;
        store.close().await;
        answered
    };
    match checked.await {
        Ok(()) => Finding::ok(CHECK, format!("{url} answers, its tables are up to date")),
        Err(error @ crate::store::StoreError::NewerSchema { .. }) => {
            Finding::of_error(CHECK, &error)
        }
        Err(error) => Finding::problem(
            CHECK,
            format!("{url}: {error}"),
            "start the database, or set database_url to where it is and to a user who may make tables",
        ),
    }
}

async fn plane_api(settings: &Settings, config: &Config) -> Finding {
    const CHECK: &str = "plane.api_url";
    let key_is_set = settings
        .secrets()
        .iter()
        .any(|(key, setting)| *key == "plane.api_key" && !setting.is_empty());
    match (&config.plane.api_url, config.plane.api_key.expose().next()) {
        (Some(url), Some(_)) => match own_name(config, url).await {
            Ok(name) if config.plane.workspace.is_none() => Finding::warning(
                "plane.workspace",
                format!("is not set, though {url} takes the key of {name}"),
                "set plane.workspace to the first part of the workspace's addresses",
            ),
            Ok(name) => Finding::ok(CHECK, format!("{url} takes the key of {name}")),
            Err(error) => Finding::of_error(CHECK, &error),
        },
        (Some(_), None) if !key_is_set => Finding::warning(
            "plane.api_key",
            "is not set, so names that webhooks leave out stay unknown",
            "make a key in Plane under Profile settings, Personal access tokens, and set plane.api_key",
        ),
        (Some(_), None) => Finding::warning(CHECK, "was not asked: there is no key", "see secrets"),
        (None, _) if key_is_set => Finding::problem(
            CHECK,
            "is not set, though plane.api_key is",
            "set plane.api_url, such as https://api.plane.so",
        ),
        (None, _) => Finding::ok(CHECK, "is not set: names that webhooks leave out stay unknown"),
    }
}

/// Whose key it is, or why that can't be told, with the remedy.
async fn own_name(config: &Config, api_url: &str) -> Result<String, String> {
    let workspace = config.plane.workspace.as_deref().unwrap_or_default();
    let client = PlaneClient::new(api_url, workspace, &config.plane.api_key, LIMIT)
        .map_err(|e| e.to_string())?
        .ok_or("there is no key: set plane.api_key")?;
    let me = client.fetch_me().await.map_err(|refusal| refusal.failure().to_string())?;
    Ok(me.display_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_else_reaches_is_told() {
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:80/x",
            "https://a.localhost",
        ] {
            assert_eq!(public_url(url).verdict, Verdict::Warning, "{url}");
        }
        assert_eq!(public_url("http://hooks.example.com").verdict, Verdict::Warning);
        assert_eq!(public_url("https://hooks.example.com/x").verdict, Verdict::Ok);
    }

    #[test]
    fn an_error_becomes_what_is_wrong_and_what_to_do() {
        let finding = Finding::of_error("secrets", &"a.b: c is missing: set c");
        assert_eq!(finding.message, "a.b: c is missing");
        assert_eq!(finding.fix.as_deref(), Some("set c"));
    }
}
