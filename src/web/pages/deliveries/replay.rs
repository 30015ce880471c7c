//! Running many deliveries again: first what it would reach, then all of it.
//!
//! The form carries the whole selection with its end in time, so that what is run is what was
//! counted. Very many are run in several steps, since a request should not take minutes; each
//! step says how many are left.

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{Html, Redirect};

use super::super::query::Params;
use super::super::spans;
use super::super::work_item::{Difference, address, difference};
use super::rows::{Row, keys};
use super::{BESIDE, CURSOR, Frame, Mark, Problem, Section, WebState, cursor, done, render};
use super::{exact_field, filter, named};
use crate::access::Caller;
use crate::clock::Timestamp;
use crate::jobs::rebuild::ForeseenItem;
use crate::replay::{Counted, Preview, Progress, Selection, replay};
use crate::store::deliveries::DeliveryFilter;
use crate::web::api::body::read_body;
use crate::web::auth::Target;
use crate::web::error::ProblemKind;

/// Deliveries of one step.
const MOST_AT_ONCE: usize = 20_000;
/// Deliveries that can be ticked.
const MOST_CHOSEN: usize = 200;
/// The field of a ticked delivery.
const CHOSEN: &str = "d";

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    frame: Frame,
    preview: Preview,
    rows: Vec<Row>,
    /// What the newest would change.
    foreseen: Vec<Foreseen>,
    /// Names and values of the form's hidden fields.
    fields: Vec<(String, String)>,
    /// The selection in words.
    words: Vec<(&'static str, String)>,
    back: String,
    done: Option<String>,
}

/// An item that would change.
struct Foreseen {
    address: String,
    name: String,
    title: String,
    new: bool,
    changes: Vec<Difference>,
}

impl From<&ForeseenItem> for Foreseen {
    fn from(item: &ForeseenItem) -> Self {
        let name = item.key.clone().unwrap_or_else(|| item.item.to_string());
        Self {
            address: address(&item.item),
            name,
            title: item.title.clone().unwrap_or_default(),
            new: item.new,
            changes: item.changes.iter().map(difference).collect(),
        }
    }
}

impl ReplayPage {
    /// What was read to say what would change: `the newest 300`, or all of them.
    fn read_words(&self) -> String {
        let read = i64::try_from(self.preview.forecast.read).unwrap_or(i64::MAX);
        if read >= self.preview.queued {
            return "Read now, they would change".to_owned();
        }
        format!("Read now, the newest {} of them would change", spans::grouped(read))
    }

    /// `12`, or `at least 100 000`.
    fn many(&self) -> String {
        let count = spans::grouped(self.preview.queued);
        match self.preview.extent {
            Counted::All => count,
            Counted::AtLeast => format!("at least {count}"),
        }
    }

    fn left(&self) -> i64 {
        self.preview.running + self.preview.dropped
    }

    fn button(&self) -> String {
        match self.preview.queued {
            1 => "Replay one delivery".to_owned(),
            _ => format!("Replay {} deliveries", self.many()),
        }
    }

    fn origins(&self) -> Vec<(Mark, String, String)> {
        let origins = self.preview.by_origin.iter();
        origins
            .map(|(source, name, count)| {
                let name = name.as_ref().map(ToString::to_string);
                let mark = Mark::from(*source);
                (mark, name.unwrap_or_else(|| mark.name.to_owned()), spans::grouped(*count))
            })
            .collect()
    }
}

/// What a form or an address selects.
struct Asked {
    params: Params,
    selection: Selection,
    fields: Vec<(String, String)>,
}

impl Asked {
    fn read(form: &[u8], now: Timestamp) -> Result<Self, Problem> {
        let text = String::from_utf8_lossy(form);
        let params = Params::read(Some(&text))?;
        let chosen: Vec<String> = form_urlencoded::parse(form)
            .filter(|(name, value)| name == CHOSEN && !value.contains('\0'))
            .map(|(_, value)| value.into_owned())
            .take(MOST_CHOSEN)
            .collect();
        let mut filter = filter(&params, now)?;
        if !chosen.is_empty() {
            // What is ticked is what is meant, whatever has become of it since. A name that can't be
            // read is refused: without any name the filter would mean every delivery.
            let names = chosen.iter().map(|name| named(name).ok_or_else(|| unreadable(CHOSEN)));
            filter = DeliveryFilter {
                chosen: names.collect::<Result<_, _>>()?,
                until: filter.until,
                ..Default::default()
            };
        }
        let since = filter.since;
        let selection = Selection::new(filter, now).after(cursor(&params)?);
        let mut fields: Vec<(String, String)> = Vec::new();
        if chosen.is_empty() {
            let kept = ["source", "status", "event", "origin", "repository", "item", "q"];
            let named = kept.into_iter().chain(CURSOR);
            fields.extend(named.filter_map(|name| Some((name.to_owned(), params.text(name)?))));
            fields.extend(since.map(|at| ("since".to_owned(), exact_field(at))));
        } else {
            fields.extend(chosen.into_iter().map(|name| (CHOSEN.to_owned(), name)));
        }
        fields.extend(selection.until().map(|at| ("until".to_owned(), exact_field(at))));
        Ok(Self { params, selection, fields })
    }

    fn words(&self) -> Vec<(&'static str, String)> {
        let filter = self.selection.filter();
        let name = |word: &'static str, value: Option<String>| value.map(|value| (word, value));
        [
            name("Chosen", (!filter.chosen.is_empty()).then(|| filter.chosen.len().to_string())),
            name("Source", filter.source.map(|source| Mark::from(source).name.to_owned())),
            name("Status", filter.status.map(|status| status.to_string())),
            name("Event", filter.event.clone()),
            name("Repository", filter.repository.clone()),
            name("Item", filter.item.as_ref().map(ToString::to_string)),
            name("Words", filter.text.clone()),
            name("From", filter.since.map(spans::exact)),
            name("Until", filter.until.map(spans::exact)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn unreadable(field: &str) -> Problem {
    let detail = format!("“{field}” is missing or names nothing: start again from /deliveries.");
    Problem::new(ProblemKind::BadRequest, detail)
}

/// `GET /deliveries/replay`: what would be run again; nothing is changed.
pub(in super::super) async fn preview(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let now = web.clock.now();
    let asked = Asked::read(query.unwrap_or_default().as_bytes(), now)?;
    let preview = asked.selection.preview(&web.store, &web.clock).await?;
    let keys = keys(&web.store, &preview.samples).await?;
    let bare = BESIDE.map(|name| (name, None));
    let list = [(CHOSEN, None), ("until", None)];
    let bare: Vec<(&str, Option<&str>)> = bare.into_iter().chain(list).collect();
    render(&ReplayPage {
        frame: Frame::read(&web, Section::Deliveries, caller).await?,
        foreseen: preview.forecast.items.iter().map(Foreseen::from).collect(),
        rows: preview.samples.iter().map(|d| Row::new(d, &keys, &Params::default(), now)).collect(),
        words: asked.words(),
        back: asked.params.link("/deliveries", &bare),
        done: done(&asked.params)?,
        fields: asked.fields,
        preview,
    })
}

/// `POST /deliveries/replay`: runs them again and says how many.
pub(in super::super) async fn run(
    State(web): State<WebState>,
    body: Body,
) -> Result<(Extension<Target>, Redirect), Problem> {
    let asked = Asked::read(&read_body(body).await?, web.clock.now())?;
    // Only what was previewed is run, and a preview always says where it ends.
    asked.params.text("until").ok_or_else(|| unreadable("until"))?;
    let mut progress = Progress::default();
    let run = replay(&web.store, &web.clock, &asked.selection, MOST_AT_ONCE, &mut progress, |_| ());
    let ended = run.await;
    if progress.queued > 0 {
        web.wake.work_is_due();
    }
    ended?;
    let target = Extension(Target(progress.in_words()));
    let mut next = form_urlencoded::Serializer::new(String::new());
    next.append_pair("queued", &progress.queued.to_string());
    next.append_pair("left", &(progress.running + progress.dropped).to_string());
    let carried = asked.fields.iter().filter(|(name, _)| !CURSOR.contains(&name.as_str()));
    let Some(rest) = progress.rest else {
        let shown = carried.filter(|(name, _)| name != CHOSEN && name != "until");
        next.extend_pairs(shown);
        return Ok((target, Redirect::to(&format!("/deliveries?{}", next.finish()))));
    };
    next.extend_pairs(carried);
    next.append_pair(CURSOR[0], &exact_field(rest.received_at));
    next.append_pair(CURSOR[1], rest.delivery_id.as_str());
    Ok((target, Redirect::to(&format!("/deliveries/replay?{}", next.finish()))))
}
