//! The one table from what GitHub refused to what it means, for REST and MCP alike.
//!
//! Rate limits are read off headers where there are any. GitHub's secondary limit may come
//! without: then its words are all that tells it from a lack of permission.

use std::time::Duration;

use crate::failure::Failure;

/// The wait after a limit that does not say how long, GitHub's own advice.
const QUOTA_WINDOW: Duration = Duration::from_mins(1);
/// Longest wait that a limit may ask for: its window, and a little for clocks that differ.
const LONGEST_WAIT: Duration = Duration::from_mins(65);
/// The wait after a refused token or permission: the longest of the retries, so that an
/// operator has the time to mend it before the job is dead.
const AFTER_REFUSED_TOKEN: Duration = Duration::from_mins(10);
/// Most of GitHub's words that get into a reason.
const LONGEST_MESSAGE: usize = 200;

/// Why GitHub did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clients) enum Refusal {
    /// The token is missing, wrong or expired.
    BadToken {
        /// GitHub's words.
        message: String,
    },
    /// The token may not.
    Forbidden {
        /// GitHub's words.
        message: String,
        /// `X-Accepted-GitHub-Permissions`, where told.
        needs: Option<String>,
    },
    /// There is none, or the token may not see it.
    NotFound,
    /// It was deleted, and GitHub says so.
    Gone,
    /// It is not given (410), and nothing says that it was deleted: so GitHub answers for all of a
    /// repository whose issues are switched off.
    NotGiven {
        /// GitHub's words.
        message: String,
    },
    /// A rate limit.
    Limited {
        /// Until it is over.
        wait: Duration,
    },
    /// Nothing was asked: it has to wait.
    Waiting {
        /// For what.
        reason: String,
        /// Until then.
        wait: Duration,
    },
    /// GitHub, or whoever stands between, does not answer or can't now.
    Unavailable {
        /// What happened.
        what: String,
    },
    /// Its answer is longer than what is read of one.
    TooLong,
    /// Something answered, but not as GitHub does.
    Unreadable {
        /// What came.
        what: String,
    },
    /// GitHub does not take the request.
    Rejected {
        /// Its status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// What is installed or configured can't do it.
    Incapable {
        /// What is missing and what to do.
        what: String,
    },
}

/// What a refused request's answer says beside its status.
#[derive(Debug, Clone, Default)]
pub(in crate::clients) struct Signs {
    /// GitHub's words.
    pub(in crate::clients) message: String,
    /// How long to wait, from `Retry-After` or the reset of a used-up quota.
    pub(in crate::clients) wait: Option<Duration>,
    /// `X-Accepted-GitHub-Permissions`.
    pub(in crate::clients) needs: Option<String>,
}

impl Refusal {
    /// From a status that is no success.
    pub(in crate::clients) fn of(status: u16, signs: Signs) -> Self {
        let limited = signs.wait.is_some() || says_rate_limit(&signs.message);
        let message = shortened(&signs.message);
        match status {
            401 => Self::BadToken { message },
            403 if limited => Self::limited(signs.wait),
            429 => Self::limited(signs.wait),
            403 | 451 => Self::Forbidden { message, needs: signs.needs },
            404 => Self::NotFound,
            410 if says_deleted(&signs.message) => Self::Gone,
            410 => Self::NotGiven { message },
            200..=399 => Self::Unreadable { what: format!("status {status}") },
            400..=499 => Self::Rejected { status, message },
            _ => Self::Unavailable { what: format!("it answered {status}") },
        }
    }

    /// A rate limit; one second more, since GitHub counts whole ones.
    pub(in crate::clients) fn limited(wait: Option<Duration>) -> Self {
        let wait = wait.map_or(QUOTA_WINDOW, |wait| wait + Duration::from_secs(1));
        Self::Limited { wait: wait.min(LONGEST_WAIT) }
    }

    /// What it means for whoever asked, with the remedy.
    pub(in crate::clients) fn failure(&self) -> Failure {
        let later = |reason| Failure::Retry { reason, after: Some(AFTER_REFUSED_TOKEN) };
        match self {
            Self::BadToken { .. } => {
                later("GitHub refused the token (401): set github.token to a valid one".to_owned())
            }
            Self::Forbidden { message, needs } => {
                let needs =
                    needs.as_deref().map_or_else(String::new, |n| format!(", it needs {n}"));
                later(format!(
                    "GitHub gave no access (403, {message}): let the token read issues of this repository{needs}"
                ))
            }
            Self::NotFound => Failure::permanent(
                "GitHub does not know it (404): it is gone, or the token may not see the repository",
            ),
            Self::Gone => Failure::permanent("it was deleted at GitHub (410)"),
            Self::NotGiven { message } => later(format!(
                "GitHub gives no issues of this repository (410, {message}): switch them on in its settings, under General, Features"
            )),
            Self::Limited { wait } => Failure::Quota {
                // Without its length, so that who waits again waits for the same thing.
                reason: "GitHub's rate limit is used up".to_owned(),
                wait: *wait,
            },
            Self::Waiting { reason, wait } => {
                Failure::Quota { reason: reason.clone(), wait: *wait }
            }
            Self::Unavailable { what } => Failure::retry(format!(
                "GitHub is not available: {what}; check github.api_url if it stays so"
            )),
            Self::TooLong => Failure::retry(
                "GitHub gave an answer of more than 16 MiB, and so in smaller pages: check github.api_url",
            ),
            Self::Unreadable { what } => Failure::retry(format!(
                "GitHub gave an unreadable answer: {what}; check github.api_url"
            )),
            Self::Rejected { status, message } => Failure::permanent(format!(
                "GitHub rejected the request ({status}, {message}): please report this"
            )),
            Self::Incapable { what } => Failure::permanent(what.clone()),
        }
    }
}

/// Whether these are GitHub's words for one of its limits.
pub(in crate::clients) fn says_rate_limit(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("rate limit") || message.contains("abuse detection")
}

/// Whether these are GitHub's words for an issue that was deleted. Those for a repository whose
/// issues are switched off come with the same status.
fn says_deleted(message: &str) -> bool {
    message.to_ascii_lowercase().contains("deleted")
}

fn shortened(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, message: &str, wait: Option<u64>) -> Failure {
        let wait = wait.map(Duration::from_secs);
        Refusal::of(status, Signs { message: message.to_owned(), wait, needs: None }).failure()
    }

    #[test]
    fn a_refused_token_or_permission_waits_longest() {
        for (status, words) in [(401, "Bad credentials"), (403, "Resource not accessible")] {
            let Failure::Retry { after, .. } = failure(status, words, None) else {
                panic!("{status} is tried again");
            };
            assert_eq!(after, Some(Duration::from_mins(10)));
        }
    }

    #[test]
    fn a_limit_waits_as_long_as_it_says_and_is_no_attempt() {
        let secondary = "You have exceeded a secondary rate limit.";
        let cases = [
            (403, "API rate limit exceeded", Some(3000), 3001),
            (403, secondary, None, 60),
            (429, "", Some(7), 8),
            (429, "", None, 60),
            (403, secondary, Some(999_999), 3900),
        ];
        for (status, words, says, waits) in cases {
            let Failure::Quota { wait, .. } = failure(status, words, says) else {
                panic!("{status} {words} is a limit");
            };
            assert_eq!(wait, Duration::from_secs(waits), "{status} {words}");
        }
    }

    #[test]
    fn what_github_rejects_is_dead_at_once_and_what_it_can_t_do_now_is_tried_again() {
        assert!(matches!(failure(422, "Validation Failed", None), Failure::Permanent { .. }));
        assert!(matches!(failure(404, "Not Found", None), Failure::Permanent { .. }));
        for status in [500, 502, 503, 504] {
            assert!(matches!(failure(status, "", None), Failure::Retry { after: None, .. }));
        }
    }

    #[test]
    fn only_what_github_calls_deleted_was_deleted() {
        let of =
            |words: &str| Refusal::of(410, Signs { message: words.to_owned(), ..Signs::default() });
        assert_eq!(of("This issue was deleted"), Refusal::Gone);
        for words in ["Issues are disabled for this repo", "no words", ""] {
            assert!(matches!(of(words), Refusal::NotGiven { .. }), "{words}");
            assert!(matches!(of(words).failure(), Failure::Retry { .. }), "{words}");
        }
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let reason = failure(422, &"words\n".repeat(200), None).to_string();
        assert!(!reason.contains('\n') && reason.len() < 400, "{reason}");
    }
}
