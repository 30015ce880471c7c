//! What the page says of webhooks that GitHub sent in vain.

use super::words;
use crate::clock::Timestamp;
use crate::health::Recovery;
use crate::web::pages::spans::exact;

/// Something that a person should know, with what to do.
pub(super) struct Note {
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) title: String,
    pub(super) detail: String,
    /// A line to paste, where there is one.
    pub(super) remedy: Option<String>,
}

/// The panel; nothing where nobody ever looked.
pub(super) struct Lost {
    /// When it was looked, and what came of it.
    pub(super) said: String,
    pub(super) notes: Vec<Note>,
}

/// What is to be said, if anything.
pub(super) fn lost(recovery: &Recovery, now: Timestamp) -> Option<Lost> {
    let looked_at = recovery.looked_at()?;
    let counts = recovery.counts;
    let mut said = vec![format!("looked {} ago", words::age(looked_at, now))];
    for (count, word) in [
        (counts.waiting, "on their way"),
        (counts.came, "came back"),
        (counts.given_up + counts.expired, "lost"),
    ] {
        if count > 0 {
            said.push(format!("{} {word}", words::count(count)));
        }
    }
    if said.len() == 1 {
        said.push("nothing missing".to_owned());
    } else {
        said.push("in seven days".to_owned());
    }
    Some(Lost { said: said.join(", "), notes: notes(recovery) })
}

fn notes(recovery: &Recovery) -> Vec<Note> {
    let mut notes: Vec<Note> = recovery
        .problems()
        .map(|(place, problem)| Note {
            tone: "is-warn",
            icon: "failed",
            title: format!("Lost webhooks of {} can’t be looked for", place.repository),
            detail: problem.to_owned(),
            remedy: None,
        })
        .collect();
    for place in &recovery.places {
        let Some(gap) = place.gap else { continue };
        notes.push(Note {
            tone: "is-warn",
            icon: "clock",
            title: format!("Nobody knows what was lost of {}", place.repository),
            detail: format!(
                "GitHub no longer tells what it sent from {} until {}",
                exact(gap.from),
                exact(gap.until)
            ),
            remedy: Some(format!("jetbridge reconcile {}", place.repository)),
        });
    }
    notes.extend(recovery.lost.iter().map(|request| Note {
        tone: "is-bad",
        icon: "dead",
        title: format!("A webhook of {} does not come any more", request.repository),
        detail: format!(
            "{}, {}, last sent {}, asked for {} times; GitHub noted: {}",
            request.event,
            request.guid,
            exact(request.sent_at),
            request.asked,
            request.status
        ),
        remedy: Some(format!("jetbridge reconcile {}", request.repository)),
    }));
    notes
}
