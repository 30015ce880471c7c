//! Configuration from the outside: layers, errors that name the place, secrets that stay secret.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use jetbridge::clients::vault::{Vault, VaultError, VaultKey};
use jetbridge::config::{
    AdminToken, Config, ConfigError, Direction, Environment, HOST_KEYS, KEYS, McpServer, Overrides,
    REPOSITORY_KEYS, RetentionConfig, Secrets, Settings, TokenOrigin, UnknownRepositories,
    UnsignedWebhooks, load, load_or_make_admin_token,
};
use jetbridge::sync::milestones::BundleKind;

const NO_VARIABLES: [(&str, &str); 0] = [];

/// A folder with one `jetbridge.toml`, so that no file of the checkout takes part.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("jetbridge.toml"), text).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("jetbridge.toml")
    }

    fn overrides(&self) -> Overrides {
        Overrides { config_file: Some(self.file()), ..Overrides::default() }
    }
}

fn environment<const N: usize>(pairs: [(&str, &str); N]) -> Environment {
    pairs.into_iter().collect()
}

fn read<const N: usize>(text: &str, pairs: [(&str, &str); N]) -> Result<Settings, ConfigError> {
    Settings::read(&Folder::with(text).overrides(), &environment(pairs))
}

fn defaults() -> Config {
    read("", NO_VARIABLES).unwrap().without_secrets().clone()
}

/// The error as shown, without the folder, which differs from run to run.
fn error(text: &str) -> String {
    let shown = read(text, NO_VARIABLES).expect_err("it must be refused").to_string();
    assert_eq!(shown.lines().count(), 1, "one line: {shown}");
    shown[shown.find("jetbridge.toml").unwrap_or(0)..].to_owned()
}

fn variable_error(name: &str, value: &str) -> String {
    read("", [(name, value)]).expect_err("it must be refused").to_string()
}

async fn resolve<const N: usize>(
    text: &str,
    pairs: [(&str, &str); N],
) -> Result<Config, ConfigError> {
    let folder = Folder::with(text);
    load(&folder.overrides(), &environment(pairs)).await.map(|(config, _)| config)
}

fn texts(secrets: &Secrets) -> Vec<&str> {
    secrets.expose().collect()
}

// Layers

#[test]
fn nothing_configured_gives_the_documented_defaults() {
    let config = defaults();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.data_dir, Path::new("./jetbridge-data"));
    assert_eq!(config.database_url.to_string(), "sqlite://./jetbridge-data/jetbridge.db");
    assert_eq!(config.plane.api_url, None);
    assert_eq!(config.github.api_url, "https://api.github.com");
    assert_eq!(config.github.unsigned, UnsignedWebhooks::Refuse);
    assert_eq!(config.github.unknown_repositories, UnknownRepositories::Reject);
    assert_eq!(config.github.mcp, None);
    assert_eq!(config.retry.max_retries, 3);
    assert_eq!(config.retry.base, Duration::from_secs(10));
    assert_eq!(config.retry.cap, Duration::from_mins(10));
    assert_eq!(config.retention, RetentionConfig::default(), "everything is kept");
    assert_eq!(config.recover_every, Duration::from_mins(10));
    assert_eq!(config.workers, 2 * std::thread::available_parallelism().unwrap().get());
    assert_eq!(config.max_body, 25 * 1024 * 1024);
    assert_eq!(config.spool_max_bytes, 1 << 30);
    assert!(config.repositories.is_empty());
}

#[test]
fn environment_overrides_the_file_and_flags_override_both() {
    let folder = Folder::with("listen = '127.0.0.1:1'\ndata_dir = '/from/file'\nworkers = 3");
    let pairs = [("JETBRIDGE_LISTEN", "127.0.0.1:2"), ("JETBRIDGE_DATA_DIR", "/from/variable")];
    let overrides = Overrides { listen: Some("127.0.0.1:3".to_owned()), ..folder.overrides() };
    let settings = Settings::read(&overrides, &environment(pairs)).unwrap();
    let config = settings.without_secrets();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.public_url, "http://127.0.0.1:3");
    assert_eq!(config.data_dir, Path::new("/from/variable"));
    assert_eq!(config.database_url.to_string(), "sqlite:///from/variable/jetbridge.db");
    assert_eq!(config.workers, 3);
}

#[test]
fn an_empty_text_is_the_same_as_none() {
    let text = "listen = ''\nworkers = ''\n[plane]\napi_url = ''\nwebhook_secret = ''";
    let settings = read(text, [("JETBRIDGE_LISTEN", ""), ("JETBRIDGE_MAX_BODY", "")]).unwrap();
    assert_eq!(format!("{:?}", settings.without_secrets()), format!("{:?}", defaults()));
    assert!(settings.secrets().iter().all(|(_, setting)| setting.is_empty()));
}

#[test]
fn a_named_file_must_be_there_and_the_default_one_need_not() {
    let missing = PathBuf::from("/nowhere/jetbridge.toml");
    let named = Overrides { config_file: Some(missing), ..Overrides::default() };
    let shown = Settings::read(&named, &Environment::default()).unwrap_err().to_string();
    assert!(
        shown.starts_with("/nowhere/jetbridge.toml: ") && shown.contains("--config"),
        "{shown}"
    );

    let variable = environment([("JETBRIDGE_CONFIG", "/nowhere/else.toml")]);
    let shown = Settings::read(&Overrides::default(), &variable).unwrap_err().to_string();
    assert!(shown.starts_with("/nowhere/else.toml: "), "{shown}");

    assert!(Settings::read(&Overrides::default(), &Environment::default()).is_ok());
}

#[test]
fn nobody_is_sent_to_the_unspecified_address() {
    let settings = read("listen = '0.0.0.0:9000'", NO_VARIABLES).unwrap();
    assert_eq!(settings.without_secrets().public_url, "http://127.0.0.1:9000");
    let settings = read("public_url = 'https://hooks.example.com/'", NO_VARIABLES).unwrap();
    assert_eq!(settings.without_secrets().public_url, "https://hooks.example.com");
}

#[test]
fn every_variable_reaches_its_key() {
    let plain = format!("{:?}", read("", NO_VARIABLES).unwrap());
    for key in KEYS {
        let value = match key.name {
            "listen" => "127.0.0.1:9",
            "database_url" => "postgres://somebody@localhost:5433/elsewhere",
            "github.allow_unsigned" => "true",
            "github.unknown_repositories" => "register",
            "workers" | "retry.max_retries" => "77",
            "max_body" | "spool.max_bytes" => "1KiB",
            "reconcile.every" => "77m",
            "retry.base" | "retry.cap" | "canary.every" | "canary.deadline" => "77s",
            "canary.project" => "ce59f358-8bb1-44d5-9060-9d2391371abf",
            name if name.starts_with("retention.") => "77d",
            "recover.every" => "77m",
            name if name.ends_with("url") => "https://elsewhere.example",
            _ => "elsewhere",
        };
        // These two go together: without the other one each is half of a setting.
        let beside = match key.name {
            "github.app_id" => "github.app_private_key = 'x'",
            "github.app_private_key" => "github.app_id = 1",
            _ => "",
        };
        let changed = read(beside, [(key.variable, value)]).unwrap();
        assert_ne!(format!("{changed:?}"), plain, "{} is not taken over", key.variable);
        let upper = key.name.to_ascii_uppercase().replace('.', "_");
        assert_eq!(key.variable, format!("JETBRIDGE_{upper}"));
    }
}

#[test]
fn a_github_app_is_an_id_and_a_key_or_nothing() {
    let both = read("[github]\napp_id = 123\napp_private_key = 'file:/x'", NO_VARIABLES).unwrap();
    assert_eq!(both.without_secrets().github.app_id.as_ref().unwrap().as_str(), "123");
    for half in ["app_id = 'Iv23liAbC.d'", "app_private_key = 'file:/x'"] {
        let shown = error(&format!("[github]\n{half}"));
        assert!(shown.contains("go together: set both, or neither"), "{shown}");
    }
    let shown = error("[github]\napp_id = 'https://github.com/apps/x'\napp_private_key = 'x'");
    assert!(
        shown.contains("github.app_id: expected a GitHub App's App ID or Client ID"),
        "{shown}"
    );
}

#[test]
fn an_unknown_variable_of_ours_is_a_warning() {
    let text = "[plane]\nwebhook_secret = 'env:JETBRIDGE_OLD_SECRET'";
    let pairs = [
        ("JETBRIDGE_LISTE", "x"),
        ("JETBRIDGE_OLD_SECRET", "x"),
        ("JETBRIDGE_LOG", "info"),
        ("LISTE", "x"),
    ];
    let settings = read(text, pairs).unwrap();
    assert_eq!(settings.warnings().len(), 1, "{:?}", settings.warnings());
    assert!(settings.warnings()[0].starts_with("JETBRIDGE_LISTE "));
}

// Errors

#[test]
fn an_unknown_key_is_refused_with_its_name_file_and_line() {
    let shown = error("listen = '127.0.0.1:80'\n\nlisten_to = 'x'");
    assert!(shown.starts_with("jetbridge.toml:3: listen_to: unknown key"), "{shown}");
    let shown = error("[plane]\n# why\napi_uri = 'x'");
    assert!(shown.starts_with("jetbridge.toml:3: plane.api_uri: unknown key"), "{shown}");
    let shown = error("[[repositories]]\nname = 'a/b'\n[[repositories]]\nname = 'a/c'\nnmae = 1");
    assert!(shown.starts_with("jetbridge.toml:5: repositories.nmae: unknown key"), "{shown}");
}

#[test]
fn a_bad_value_is_refused_with_its_key_and_line() {
    let cases = [
        ("\nlisten = 'localhost'", "2: listen: expected an IP address and a port"),
        ("workers = 0", "1: workers: expected a whole number from 1"),
        ("workers = 1.5", "1: workers: expected a whole number from 1"),
        ("max_body = '25 apples'", "1: max_body: expected a number of bytes"),
        ("public_url = 'example.com'", "1: public_url: expected an address that begins with http"),
        ("database_url = 'mysql://x'", "1: database_url: expected sqlite://PATH or postgres://"),
        ("[retry]\nbase = 10", "2: retry.base: expected a whole number with its unit"),
        ("[retry]\nbase = '10'", "2: retry.base: expected a whole number with its unit"),
        ("[retry]\nmax_retries = -1", "2: retry.max_retries: expected a whole number, 0 or more"),
        ("[github]\nallow_unsigned = 'yes'", "2: github.allow_unsigned: expected true or false"),
        ("[github]\nunknown_repositories = 'drop'", "2: github.unknown_repositories: expected"),
        ("[github.mcp]\nurl = 'x'", "2: github.mcp.url: expected an address"),
        ("plane = 'x'", "1: plane: expected a table"),
        (
            "[[repositories]]\nname = 'x'",
            "2: repositories.name: expected a repository as OWNER/NAME",
        ),
        ("[[repositories]]\ndirection = 'both'", "1: repositories: missing field `name`"),
        ("listen = ", "1: "),
        ("[[repositories]]\nname = 'a/b'\nrate_limit = 0", "3: repositories.rate_limit: expected"),
    ];
    for (text, expected) in cases {
        let shown = error(text);
        assert!(shown.starts_with(&format!("jetbridge.toml:{expected}")), "{text}: {shown}");
    }
}

#[test]
fn what_milestones_can_not_become_is_refused_with_its_line() {
    let shown = error("[[repositories]]\nname = 'a/b'\nmilestones = 'epic'");
    let expected = "jetbridge.toml:3: repositories.milestones: milestones become no “epic”: use module or cycle";
    assert!(shown.starts_with(expected), "{shown}");
}

#[test]
fn a_wrong_filter_or_rule_is_refused_with_its_repository_line_and_place() {
    let two = "[[repositories]]\nname = 'a/b'\n[[repositories]]\nname = 'a/c'\n";
    for (text, expected) in [
        (
            "filter = \"sender = 'x'\"",
            "5: repositories.filter: of a/c: column 8: “=” means nothing here",
        ),
        (
            "[[repositories.rules]]\nset.title = 'issue.titel'",
            "6: repositories.rules.set.title: of a/c: column 7: “issue” has no “titel”",
        ),
        (
            "[[repositories.rules]]\nwhen = 'action == \"x\"'\ndrop = true",
            "6: repositories.rules.when: of a/c: column 1: a rule may not use “action”",
        ),
        (
            "rules = [{ drop = true, sett = 1 }]",
            "5: repositories.rules.sett: of a/c: unknown key `sett`",
        ),
        (
            "[[repositories.rules]]\nname = 'x'",
            "5: repositories.rules: of a/c: rules[1]: it does nothing",
        ),
    ] {
        let shown = error(&format!("{two}{text}"));
        assert!(shown.starts_with(&format!("jetbridge.toml:{expected}")), "{text}: {shown}");
    }
}

#[test]
fn a_label_that_means_no_priority_there_is_is_refused_with_its_line() {
    let with = |value: &str| {
        format!("[[repositories]]\nname = 'a/b'\n[repositories.labels]\nP2 = 'x'\nP1 = '{value}'")
    };
    let shown = error(&with("priority:asap"));
    assert_eq!(
        shown,
        "jetbridge.toml:5: repositories.labels.P1: there is no priority “asap”: use urgent, high, medium, low or none"
    );
    let folder = Folder::with(&with("priority:urgent"));
    let settings = Settings::read(&folder.overrides(), &Environment::default()).unwrap();
    let labels = &settings.without_secrets().repositories[0].labels;
    assert_eq!(labels["P1"], "priority:urgent");
}

#[test]
fn a_bad_variable_is_refused_by_its_name() {
    let shown = variable_error("JETBRIDGE_WORKERS", "many");
    assert_eq!(shown, "JETBRIDGE_WORKERS: expected a whole number from 1 to 1024, not “many”");
    let shown = variable_error("JETBRIDGE_RETRY_CAP", "soon");
    assert!(shown.starts_with("JETBRIDGE_RETRY_CAP: "), "{shown}");
    let folder = Folder::with("");
    let overrides = Overrides { workers: Some("0".to_owned()), ..folder.overrides() };
    let shown = Settings::read(&overrides, &Environment::default()).unwrap_err().to_string();
    assert!(shown.starts_with("--workers: "), "{shown}");
}

#[test]
fn keys_that_do_not_go_together_are_refused_by_name() {
    let shown = error("[github.mcp]\ncommand = 'x'\nurl = 'http://x'");
    assert!(shown.contains("github.mcp.command and github.mcp.url"), "{shown}");
    let shown = error("[recover]\nevery = '5s'");
    assert!(shown.contains("recover.every (5s)") && shown.contains("1m"), "{shown}");
    let shown = error("[retention]\nplane_bodies = '5m'");
    assert!(shown.contains("retention.plane_bodies (5m)") && shown.contains("1h"), "{shown}");
    let shown = error("[retry]\nbase = '10s'\ncap = '5s'");
    assert!(shown.contains("retry.base (10s)") && shown.contains("retry.cap (5s)"), "{shown}");
    let shown = error("[[repositories]]\nname = 'a/b'\n[[repositories]]\nname = 'A/B'");
    assert!(shown.contains("repositories: A/B") || shown.contains("repositories: a/b"), "{shown}");
}

#[test]
fn repositories_are_parsed_into_types() {
    let text = "[[repositories]]\nname = 'octo/repo'\ndirection = 'both'\nrate_limit = 30\n\
                milestones = 'cycle'\nplane_project = 'ce59f358-8bb1-44d5-9060-9d2391371abf'\nstates = { open = 'Todo' }\n\
                [github.mcp]\ncommand = 'github-mcp-server stdio'";
    let settings = read(text, NO_VARIABLES).unwrap();
    let config = settings.without_secrets();
    let repository = &config.repositories[0];
    assert_eq!(repository.name.as_str(), "octo/repo");
    assert_eq!(repository.direction, Direction::Both);
    assert_eq!(repository.states["open"], "Todo");
    assert_eq!(repository.rate_limit.unwrap().per_minute.get(), 30);
    assert_eq!(repository.milestones, Some(BundleKind::Cycle));
    let command = ["github-mcp-server", "stdio"].map(str::to_owned).to_vec();
    assert_eq!(config.github.mcp, Some(McpServer::Command(command)));
}

// Secrets

#[tokio::test]
async fn a_secret_is_a_list_of_values_and_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "from,file\n").unwrap();
    let text = format!("[plane]\nwebhook_secret = 'plain, env:OTHER ,file:{}'", file.display());
    let config = resolve(&text, [("OTHER", "from,variable")]).await.unwrap();
    assert_eq!(texts(&config.plane.webhook_secret), ["plain", "from,variable", "from,file"]);
}

#[tokio::test]
async fn a_secret_that_is_not_at_its_place_is_refused_with_the_remedy() {
    let cases = [
        ("env:NOWHERE", "plane.webhook_secret: the environment variable NOWHERE is not set"),
        ("file:/nowhere/secret", "plane.webhook_secret: /nowhere/secret can't be read"),
        ("vault:x", "plane.webhook_secret: a vault: secret needs VAULT_ADDR"),
    ];
    for (value, expected) in cases {
        let text = format!("[plane]\nwebhook_secret = '{value}'");
        let shown = resolve(&text, NO_VARIABLES).await.unwrap_err().to_string();
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_secret() {
    const SECRET: &str = "s3cr3t-value";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let text = format!(
        "admin_token = '{SECRET}'\nalarm_webhook_url = 'https://hooks.example/{SECRET}'\ndatabase_url = 'postgres://me:{SECRET}@localhost:1/x'\n\
         [plane]\nwebhook_secret = '{SECRET},file:{0}'\napi_key = 'env:KEY'\n\
         [github]\nwebhook_secret = '{SECRET}'\ntoken = '{SECRET}'",
        file.display()
    );
    let pairs =
        [("KEY", SECRET), ("VAULT_TOKEN", SECRET), ("VAULT_ADDR", "http://me:s3cr3t-value@h")];
    let settings = read(&text, pairs).unwrap();
    let config = resolve(&text, pairs).await.unwrap();
    assert_eq!(texts(&config.plane.api_key), [SECRET]);
    let vault = Vault::from_environment(&environment(pairs)).unwrap();
    let token = load_or_make_admin_token(folder.path(), &config.admin_token).unwrap();
    let environment = environment(pairs);
    let shown = format!(
        "{settings:?} {settings:#?} {config:?} {config:#?} {vault:?} {token:?} {environment:?} {}",
        config.database_url
    );
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn no_error_holds_a_secret() {
    const SECRET: &str = "31337";
    let files = [
        format!("plane = '{SECRET}'"),
        format!("plane.webhook_secret = {SECRET}"),
        format!("plane.webhook_secret = [{SECRET}]"),
        format!("plane.webhook_secret = ['{SECRET}']"),
        format!("plane.webhook_secret = {{ x = '{SECRET}' }}"),
        format!("plane.webhook_secret = {SECRET}.5"),
        format!("plane.webhook_secret = x{SECRET}"),
        format!("plane.webhook_secret = '{SECRET}"),
        format!("plane.webhook_secret = '{SECRET},env:'"),
        format!("plane.webhook_secret = '{SECRET},vault:#'"),
        format!("plane.webhook_secret = '{SECRET}'\nplane.webhook_secret = '{SECRET}'"),
        format!("database_url = 'postgres//me:{SECRET}@localhost/x'"),
        format!("database_url = 'postgres://me:{SECRET}@localhost:port/x'"),
        format!("plane.api_url = 'https://me:{SECRET}@localhost'"),
        format!("admin_token = '{SECRET},file:/nowhere'"),
        format!("admin_token = '{SECRET},env:NOWHERE'"),
    ];
    for text in files {
        let error = resolve(&text, NO_VARIABLES).await.expect_err(&text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET), "{text}: {shown}");
    }
    let variables = [
        ("JETBRIDGE_PLANE_WEBHOOK_SECRET", "31337,env:"),
        ("JETBRIDGE_DATABASE_URL", "postgres:me:31337@h"),
        ("JETBRIDGE_PLANE_API_URL", "https://31337@h"),
    ];
    for (name, value) in variables {
        let shown = variable_error(name, value);
        assert!(shown.starts_with(name) && !shown.contains(SECRET), "{shown}");
    }
}

// Vault

mod fake_vault {
    //! As much of the key-value engine's second version as reading one secret needs.

    use axum::Router;
    use axum::extract::Path;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::{IntoResponse, Response};
    use axum::routing::get;

    pub(super) const TOKEN: &str = "hvs.reader";

    async fn read(Path((mount, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
        let header = |name| headers.get(name).and_then(|v| v.to_str().ok());
        if header("x-vault-token") != Some(TOKEN) {
            let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
            return (StatusCode::FORBIDDEN, denied).into_response();
        }
        let team = header("x-vault-namespace") == Some("team");
        match (mount.as_str(), path.as_str()) {
            ("secret", "jetbridge") => {
                secret(r#"{"plane_webhook_secret":"from vault","number":5}"#)
            }
            ("kv", "teams/sync") if team => secret(r#"{"webhook":"from the team"}"#),
            ("secret", "standby") => StatusCode::TEMPORARY_REDIRECT.into_response(),
            _ => (StatusCode::NOT_FOUND, r#"{"errors":[]}"#).into_response(),
        }
    }

    fn secret(fields: &str) -> Response {
        let body = format!(
            r#"{{"request_id":"1","lease_id":"","renewable":false,"lease_duration":0,
                "data":{{"data":{fields},"metadata":{{"version":3,"destroyed":false}}}}}}"#
        );
        ([("content-type", "application/json")], body).into_response()
    }

    pub(super) async fn start() -> String {
        serve(Router::new().route("/v1/{mount}/data/{*path}", get(read))).await
    }

    pub(super) async fn start_sealed() -> String {
        let sealed = (StatusCode::SERVICE_UNAVAILABLE, r#"{"errors":["Vault is sealed"]}"#);
        serve(Router::new().fallback(move || async move { sealed })).await
    }

    pub(super) async fn start_silent() -> String {
        serve(Router::new().fallback(std::future::pending::<StatusCode>)).await
    }

    async fn serve(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }
}

const FROM_VAULT: &str = "[plane]\nwebhook_secret = 'vault:plane_webhook_secret'";

fn vault_at(address: &str) -> Vault {
    let pairs = [("VAULT_ADDR", address), ("VAULT_TOKEN", fake_vault::TOKEN)];
    Vault::from_environment(&environment(pairs)).unwrap()
}

fn vault_key(text: &str) -> VaultKey {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_contracts_key_is_read_from_vault() {
    let address = fake_vault::start().await;
    let pairs = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", fake_vault::TOKEN)];
    let config = resolve(FROM_VAULT, pairs).await.unwrap();
    assert_eq!(texts(&config.plane.webhook_secret), ["from vault"]);
}

#[tokio::test]
async fn another_path_mount_and_namespace_can_be_named() {
    let address = fake_vault::start().await;
    let pairs = [
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", fake_vault::TOKEN),
        ("VAULT_NAMESPACE", "team"),
        ("VAULT_KV_MOUNT", "kv"),
    ];
    let text = "[plane]\nwebhook_secret = 'old,vault:teams/sync#webhook'";
    let config = resolve(text, pairs).await.unwrap();
    assert_eq!(texts(&config.plane.webhook_secret), ["old", "from the team"]);
}

#[tokio::test]
async fn a_refused_token_is_named_as_such() {
    let address = fake_vault::start().await;
    let pairs = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "hvs.expired")];
    let shown = resolve(FROM_VAULT, pairs).await.unwrap_err().to_string();
    assert!(shown.starts_with("plane.webhook_secret: Vault refuses to read secret/data/jetbridge"));
    assert!(!shown.contains("hvs.expired"), "{shown}");
}

#[tokio::test]
async fn a_missing_secret_and_a_missing_field_are_told_apart() {
    let vault = vault_at(&fake_vault::start().await);
    let nowhere = vault.read_field(&vault_key("nowhere#x")).await.unwrap_err();
    assert!(matches!(nowhere, VaultError::NotFound { .. }), "{nowhere}");
    for field in ["nothing", "number"] {
        let error = vault.read_field(&vault_key(field)).await.unwrap_err();
        assert!(matches!(error, VaultError::FieldMissing { .. }), "{error}");
    }
    let standby = vault.read_field(&vault_key("standby#x")).await.unwrap_err();
    assert!(matches!(standby, VaultError::Unexpected { status: 307, .. }), "{standby}");
}

#[tokio::test]
async fn a_sealed_a_silent_and_an_absent_vault_are_told_apart() {
    let key = vault_key("plane_webhook_secret");
    let sealed = vault_at(&fake_vault::start_sealed().await).read_field(&key).await.unwrap_err();
    assert!(matches!(sealed, VaultError::Sealed(_)), "{sealed}");

    let silent = vault_at(&fake_vault::start_silent().await).with_limit(Duration::from_millis(100));
    let silent = silent.read_field(&key).await.unwrap_err();
    assert!(matches!(silent, VaultError::TimedOut { .. }), "{silent}");
    assert!(silent.to_string().contains("100ms"), "{silent}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = vault_at(&format!("http://{free}")).read_field(&key).await.unwrap_err();
    assert!(matches!(absent, VaultError::Unreachable(_)), "{absent}");
}

// The admin token

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn token_of(data_dir: &Path) -> AdminToken {
    load_or_make_admin_token(data_dir, &Secrets::default()).unwrap()
}

#[test]
fn the_admin_token_is_made_once_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("new/data");
    let first = token_of(&data_dir);
    assert_eq!(first.origin, TokenOrigin::Made);
    let text = texts(&first.secrets)[0].to_owned();
    let random = text.strip_prefix("jba_").unwrap();
    assert_eq!(hex::decode(random).unwrap().len(), 32);
    assert_eq!(mode(&data_dir.join("admin-token")), 0o600);
    assert_eq!(mode(&data_dir), 0o700);
    assert_eq!(std::fs::read_dir(&data_dir).unwrap().count(), 1, "a draft was left behind");

    let second = token_of(&data_dir);
    assert_eq!(second.origin, TokenOrigin::Kept);
    assert_eq!(texts(&second.secrets), [text]);
}

#[test]
fn processes_that_start_together_agree_on_one_admin_token() {
    let folder = tempfile::tempdir().unwrap();
    let start = || token_of(folder.path());
    let tokens: Vec<AdminToken> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|s| s.join().unwrap()).collect()
    });
    let kept = std::fs::read_to_string(folder.path().join("admin-token")).unwrap();
    assert!(tokens.iter().all(|t| texts(&t.secrets) == [kept.trim()]));
    assert_eq!(tokens.iter().filter(|t| t.origin == TokenOrigin::Made).count(), 1);
}

#[test]
fn a_configured_admin_token_wins_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let configured = Secrets::new(["mine".to_owned()]);
    let token = load_or_make_admin_token(folder.path(), &configured).unwrap();
    assert_eq!(token.origin, TokenOrigin::Configured);
    assert_eq!(texts(&token.secrets), ["mine"]);
    assert!(!folder.path().join("admin-token").exists());
}

#[test]
fn an_empty_admin_token_file_is_no_token() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("admin-token"), "\n").unwrap();
    let error = load_or_make_admin_token(folder.path(), &Secrets::default()).unwrap_err();
    assert!(error.to_string().contains("admin-token: is empty: remove it"), "{error}");
}

// Other GitHub servers

const SERVER: &str = "[[github.hosts]]
name = 'GHE.example.com'
api_url = 'https://ghe.example.com/api/v3/'
webhook_secret = 'env:GHE_SECRET'
";

#[tokio::test]
async fn another_github_server_has_an_address_and_secrets_of_its_own() {
    let text =
        format!("{SERVER}token = 'plain'\n[[repositories]]\nname = 'ghe.example.com/octo/hello'");
    let variables = [("GHE_SECRET", "typed there")];
    let settings = read(&text, variables).unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains("plain"), "{shown}");
    let config = settings.resolve(&environment(variables)).await.unwrap();
    let [server] = config.github.hosts.as_slice() else { panic!("there is one") };
    assert_eq!(server.host.name(), Some("ghe.example.com"));
    assert_eq!(server.api_url, "https://ghe.example.com/api/v3");
    assert_eq!(texts(&server.webhook_secret), ["typed there"]);
    assert_eq!(texts(&server.token), ["plain"]);
    assert_eq!(config.repositories[0].name.host(), server.host);
    let missing = settings.resolve(&environment(NO_VARIABLES)).await.unwrap_err().to_string();
    let expected =
        "github.hosts.webhook_secret of ghe.example.com: the environment variable GHE_SECRET";
    assert!(missing.starts_with(expected), "{missing}");
}

#[test]
fn a_file_that_is_applied_names_servers_of_the_service() {
    let service = read(SERVER, NO_VARIABLES).unwrap();
    let service = &service.without_secrets().github;
    let applied = |text: &str| {
        let folder = Folder::with(text);
        Settings::read_beside(&folder.overrides(), &environment(NO_VARIABLES), service)
    };
    assert!(applied("[[repositories]]\nname = 'ghe.example.com/octo/hello'").is_ok());
    let other = SERVER.replace("GHE.example.com", "git.example.org");
    let other = applied(&format!("{other}[[repositories]]\nname = 'git.example.org/octo/hello'"));
    let refused = other.unwrap_err().to_string();
    assert!(refused.contains("git.example.org, which is not configured"), "{refused}");
}

#[test]
fn a_server_that_is_not_whole_is_refused_with_the_remedy() {
    let without = |key: &str| {
        SERVER.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n")
    };
    for (text, expected) in [
        (without("name"), "missing field `name`"),
        (without("api_url"), "missing field `api_url`"),
        (without("webhook_secret"), "webhook_secret of ghe.example.com is not set"),
        (SERVER.replace("GHE.example.com", "https://ghe"), "expected a server's name"),
        (format!("{SERVER}app_id = '7'"), "unknown key `app_id`"),
        (SERVER.repeat(2), "ghe.example.com is there twice"),
        (
            SERVER.to_owned() + &SERVER.replace(".com'", ".com:8443'"),
            "ghe.example.com is there with two ports",
        ),
        (SERVER.replace("GHE.example.com", "github.com"), "leave github.api_url to it"),
        (
            "[[repositories]]\nname = 'ghe.example.com/octo/hello'".to_owned(),
            "add [[github.hosts]]",
        ),
        ("[[repositories]]\nname = 'a/b/c/d'".to_owned(), "HOST/OWNER/NAME"),
    ] {
        let error = read(&text, NO_VARIABLES).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

// The example file

const EXAMPLE: &str = include_str!("../jetbridge.example.toml");

/// The example with its defaults uncommented.
fn example_defaults() -> String {
    let setting = |line: &str| {
        let rest = line.strip_prefix('#')?;
        rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[').then(|| rest.to_owned())
    };
    EXAMPLE.lines().map(|line| setting(line).unwrap_or_default() + "\n").collect()
}

/// The example's illustration of `[[repositories]]`, uncommented.
fn example_repositories() -> String {
    let lines = EXAMPLE.lines().skip_while(|line| *line != "# [[repositories]]");
    lines.map(|line| line.strip_prefix("# ").unwrap_or_default().to_owned() + "\n").collect()
}

#[test]
fn the_example_changes_nothing_as_it_is() {
    assert!(EXAMPLE.lines().all(|line| line.is_empty() || line.starts_with('#')));
}

#[test]
fn the_example_shows_the_real_defaults() {
    let settings = read(&example_defaults(), NO_VARIABLES).unwrap();
    assert_eq!(format!("{:?}", settings.without_secrets()), format!("{:?}", defaults()));
    assert!(settings.secrets().iter().all(|(_, setting)| setting.is_empty()));
}

#[test]
fn the_example_shows_every_key_and_says_why() {
    let table: toml::Table = example_defaults().parse().unwrap();
    for key in KEYS {
        let mut parts = key.name.split('.');
        let first = table.get(parts.next().unwrap());
        let value = parts.try_fold(first.expect(key.name), |value, part| value.get(part));
        assert!(value.is_some(), "{} is not in the example", key.name);
        let last = key.name.rsplit('.').next().unwrap();
        let lines: Vec<&str> = EXAMPLE.lines().collect();
        let at = lines.iter().position(|l| l.starts_with(&format!("#{last} = "))).unwrap();
        assert!(lines[at - 1].starts_with("# "), "{} has no reason above it", key.name);
    }
}

#[test]
fn the_examples_server_is_one() {
    let lines = EXAMPLE.lines().skip_while(|line| *line != "# [[github.hosts]]");
    let lines = lines.map_while(|line| line.strip_prefix("# "));
    let text = lines.collect::<Vec<_>>().join("\n");
    let settings = read(&text, NO_VARIABLES).unwrap();
    assert_eq!(settings.without_secrets().github.hosts.len(), 1);
    let table: toml::Table = text.parse().unwrap();
    let shown = table["github"]["hosts"][0].as_table().unwrap();
    assert!(
        shown
            .keys()
            .map(String::as_str)
            .eq(HOST_KEYS.into_iter().collect::<std::collections::BTreeSet<_>>())
    );
}

#[test]
fn the_examples_repository_is_one() {
    let text = example_repositories();
    let settings = read(&text, NO_VARIABLES).unwrap();
    assert_eq!(settings.without_secrets().repositories.len(), 1);
    let table: toml::Table = text.parse().unwrap();
    let shown = table["repositories"][0].as_table().unwrap();
    let known: std::collections::BTreeSet<&str> = REPOSITORY_KEYS.into_iter().collect();
    assert_eq!(shown.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), known);
}
