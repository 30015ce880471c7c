//! The closed lists of words that items are described with, as stored and shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them, in their natural order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is stored and shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|w| w.as_str() == text).ok_or_else(|| UnknownWord {
                    word: text.to_owned(),
                    expected: &[$($word),+],
                })
            }
        }
    };
}

/// A word outside a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word “{word}”: expected one of {}", expected.join(", "))]
pub struct UnknownWord {
    word: String,
    expected: &'static [&'static str],
}

impl UnknownWord {
    /// `word` where one of `expected` should be.
    pub fn new(word: &str, expected: &'static [&'static str]) -> Self {
        Self { word: word.to_owned(), expected }
    }
}

words! {
    /// Where an item lives.
    System {
        /// Plane.
        Plane = "plane",
        /// GitHub.
        Github = "github",
    }
}
words! {
    /// What an item is at its source.
    Kind {
        /// A work item or issue.
        Issue = "issue",
        /// A pull request.
        PullRequest = "pull_request",
    }
}
words! {
    /// How a person's text is written.
    TextFormat {
        /// GitHub's Markdown.
        Markdown = "markdown",
        /// Plane's HTML.
        Html = "html",
    }
}
words! {
    /// The five columns of the board, in Plane's words, and its intake.
    StateGroup {
        /// Not planned yet; Plane's `triage` (intake) too.
        Backlog = "backlog",
        /// Planned.
        Unstarted = "unstarted",
        /// Being worked on.
        Started = "started",
        /// Done.
        Completed = "completed",
        /// Will not be done.
        Cancelled = "cancelled",
    }
}
