//! Logging: lines for people on a terminal, JSON elsewhere, always to standard error.
//!
//! `JETBRIDGE_LOG` is a level (`info`, `debug`) or a list of `target=level`;
//! `JETBRIDGE_LOG_FORMAT` is `human` or `json`. A bare level is Jetbridge's own: dependencies
//! stay at `warn`, since some of them log what they send.
//!
//! A line is written by whoever logs it, so a reader that stands still holds the writer up. For
//! that reason nothing is logged per delivery at `info`, which is the default; deliberately
//! absent is a queue of lines, which would lose the last ones of a crash.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Environment;

/// Which lines are written.
pub const LOG_VARIABLE: &str = "JETBRIDGE_LOG";
/// How they are written.
pub const FORMAT_VARIABLE: &str = "JETBRIDGE_LOG_FORMAT";

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSettings {
    targets: Targets,
    format: LogFormat,
}

/// A variable does not say how to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// `JETBRIDGE_LOG`.
    #[error(
        "{LOG_VARIABLE}: expected off, error, warn, info, debug or trace, or a list such as jetbridge=debug,sqlx=info"
    )]
    Level,
    /// `JETBRIDGE_LOG_FORMAT`.
    #[error("{FORMAT_VARIABLE}: expected human or json")]
    Format,
}

impl LogSettings {
    /// From the environment; `usual` is the level and `otherwise` the format where no variable
    /// says it.
    ///
    /// # Errors
    /// When a variable is set to something else than its words.
    pub fn read(
        environment: &Environment,
        usual: &str,
        otherwise: LogFormat,
    ) -> Result<Self, LogError> {
        let level = environment.read(LOG_VARIABLE).map_err(|_| LogError::Level)?;
        let format = match environment.read(FORMAT_VARIABLE).map_err(|_| LogError::Format)? {
            None => otherwise,
            Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(_) => return Err(LogError::Format),
        };
        Ok(Self { targets: targets(level.unwrap_or(usual))?, format })
    }
}

fn targets(text: &str) -> Result<Targets, LogError> {
    if let Ok(level) = text.parse::<LevelFilter>() {
        let others = level.min(LevelFilter::WARN);
        return Ok(Targets::new().with_default(others).with_target("jetbridge", level));
    }
    // A typing error such as `inof` would parse as a target that nobody writes to.
    if !text.contains('=') {
        return Err(LogError::Level);
    }
    text.parse().map_err(|_| LogError::Level)
}

/// Starts logging for the whole process. A second call changes nothing.
///
/// # Errors
/// When a variable is set to something else than its words.
pub fn init(environment: &Environment) -> Result<(), LogError> {
    init_at("info", environment)
}

/// As [`init`], with another level where no variable names one.
///
/// # Errors
/// As [`init`].
pub fn init_at(level: &str, environment: &Environment) -> Result<(), LogError> {
    let on_terminal = std::io::stderr().is_terminal();
    let otherwise = if on_terminal { LogFormat::Human } else { LogFormat::Json };
    let settings = LogSettings::read(environment, level, otherwise)?;
    // A closed standard error must not end the service.
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let lines = match settings.format {
        LogFormat::Human => {
            let color = on_terminal && environment.read("NO_COLOR") == Ok(None);
            lines.with_ansi(color).with_target(false).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(settings.targets)).try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<LogSettings, LogError> {
        LogSettings::read(&pairs.iter().copied().collect(), "info", LogFormat::Human)
    }

    #[test]
    fn a_bare_level_is_for_our_own_lines() {
        let targets = read(&[("JETBRIDGE_LOG", "debug")]).unwrap().targets;
        assert!(targets.would_enable("jetbridge::web", &Level::DEBUG));
        assert!(targets.would_enable("hyper", &Level::WARN));
        assert!(!targets.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn the_default_level_is_info() {
        let targets = read(&[]).unwrap().targets;
        assert!(targets.would_enable("jetbridge", &Level::INFO));
        assert!(!targets.would_enable("jetbridge", &Level::DEBUG));
    }

    #[test]
    fn a_list_of_targets_is_taken_as_it_is() {
        let targets = read(&[("JETBRIDGE_LOG", "jetbridge=warn,sqlx=trace")]).unwrap().targets;
        assert!(targets.would_enable("sqlx::query", &Level::TRACE));
        assert!(!targets.would_enable("jetbridge", &Level::INFO));
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_naming_its_variable() {
        let error = read(&[("JETBRIDGE_LOG", "inof")]).unwrap_err();
        assert!(error.to_string().starts_with("JETBRIDGE_LOG: "), "{error}");
        let error = read(&[("JETBRIDGE_LOG_FORMAT", "xml")]).unwrap_err();
        assert!(error.to_string().starts_with("JETBRIDGE_LOG_FORMAT: "), "{error}");
    }
}
