//! `jetbridge rules test`: a filter and rules tried on what GitHub has sent. Nothing is written.

use serde::Serialize;

use super::arguments::{Format, RulesTestArguments};
use super::progress::Bar;
use super::table::{moment, printable};
use super::{Context, Failed, output};
use crate::config::{RepositoryConfig, RepositoryName, RepositorySettings};
use crate::jobs::rule_trial::{RuleTrial, TrialCounts, TriedDelivery};
use crate::rules::trial::Fate;
use crate::rules::{Draft, RuleConfig, Rulebook};

#[derive(Serialize)]
struct TrialJson<'a> {
    repository: &'a str,
    counts: TrialCounts,
    deliveries: Vec<TriedJson<'a>>,
}

#[derive(Serialize)]
struct TriedJson<'a> {
    delivery_id: &'a str,
    received_at: crate::clock::Timestamp,
    event_type: &'a str,
    action: Option<&'a str>,
    issue: i64,
    fate: &'static str,
    reason: Option<&'a str>,
    rules: &'a [String],
    changes: Vec<TurnedJson<'a>>,
}

#[derive(Serialize)]
struct TurnedJson<'a> {
    field: &'static str,
    before: &'a str,
    after: &'a str,
}

/// `rules test`. What comes to nothing is a finding.
pub(super) async fn test(arguments: &RulesTestArguments, context: &Context) -> Result<(), Failed> {
    let settings = context.settings()?;
    let configured = &settings.without_secrets().repositories;
    let repository = chosen(arguments, configured)?;
    let store = context.open_store().await?;
    let stored = store.repository_settings().await?;
    let is_it = |name: &RepositoryName| *name == repository;
    let known = configured.iter().find(|c| is_it(&c.name)).map(RepositoryConfig::settings);
    let known = known.or_else(|| Some(stored.into_iter().find(|(name, _)| is_it(name))?.1));
    let rulebook = rulebook(arguments, known.unwrap_or_default())?;
    let since = arguments.since.map(|when| when.before(context.clock.now()));
    let trial =
        RuleTrial { rulebook: &rulebook, repository: &repository, since, limit: arguments.limit };
    let mut bar = Bar::new("deliveries");
    let tried = trial.run(&store, |counts| bar.at(counts.tried, u64::from(arguments.limit))).await;
    drop(bar);
    store.close().await;
    let (all, counts) = tried?;
    match arguments.listing.format() {
        Format::Json => {
            let deliveries = all.iter().map(json).collect();
            let repository = repository.as_str();
            output::print_json(&TrialJson { repository, counts, deliveries })?;
        }
        Format::Table => {
            let lines: Vec<_> = all.iter().map(line).collect();
            output::print(&format!("{}{}\n", lines.concat(), in_words(&repository, counts)))?;
        }
    }
    if counts.broken == 0 { Ok(()) } else { Err(Failed::Findings) }
}

fn chosen(
    arguments: &RulesTestArguments,
    configured: &[RepositoryConfig],
) -> Result<RepositoryName, Failed> {
    match (&arguments.repository, configured) {
        (Some(name), _) => Ok(name.clone()),
        (None, [one]) => Ok(one.name.clone()),
        (None, _) => Err(Failed::Usage("name one with --repository OWNER/NAME".to_owned())),
    }
}

fn rulebook(arguments: &RulesTestArguments, known: RepositorySettings) -> Result<Rulebook, Failed> {
    let mut draft = Draft { filter: known.filter, rules: known.rules };
    if arguments.filter.is_some() || !arguments.rules.is_empty() {
        draft = Draft::default();
        draft.filter.clone_from(&arguments.filter);
        for (place, text) in arguments.rules.iter().enumerate() {
            let rule = toml::from_str::<RuleConfig>(text).map_err(|error| {
                let why = error.message().replace('\n', " ");
                Failed::Usage(format!("--rule {}: {why}", place + 1))
            })?;
            draft.rules.push(rule);
        }
    }
    draft.rulebook().map_err(|refused| Failed::Usage(refused.to_string()))
}

fn reason(fate: &Fate) -> Option<&str> {
    match fate {
        Fate::Dropped { rule } => Some(rule),
        Fate::Broken { why } => Some(why),
        Fate::CarriedOver | Fate::LeftOut | Fate::NothingToCarry => None,
    }
}

fn json(tried: &TriedDelivery) -> TriedJson<'_> {
    let TriedDelivery { delivery, trial, .. } = tried;
    let turned = trial.turned.iter();
    TriedJson {
        delivery_id: delivery.delivery_id.as_str(),
        received_at: delivery.received_at,
        event_type: &delivery.event_type,
        action: delivery.action.as_deref(),
        issue: tried.number,
        fate: trial.fate.as_str(),
        reason: reason(&trial.fate),
        rules: &trial.rules,
        changes: turned
            .map(|t| TurnedJson { field: t.field, before: &t.before, after: &t.after })
            .collect(),
    }
}

fn line(tried: &TriedDelivery) -> String {
    let TriedDelivery { delivery, number, title, trial } = tried;
    let action = delivery.action.as_deref().unwrap_or_default();
    let reason = reason(&trial.fate).map(|reason| format!(": {reason}")).unwrap_or_default();
    let head = format!(
        "{}  {} {action}  #{number} {title}  → {}{reason}",
        moment(delivery.received_at),
        delivery.event_type,
        trial.fate.as_str()
    );
    let turned = trial.turned.iter().map(|turned| {
        let after = format!("    {}: “{}” → “{}”", turned.field, turned.before, turned.after);
        printable(&after) + "\n"
    });
    printable(&head) + "\n" + &turned.collect::<String>()
}

fn in_words(repository: &RepositoryName, counts: TrialCounts) -> String {
    let TrialCounts { tried, carried_over, changed, left_out, dropped, broken, passed_over } =
        counts;
    format!(
        "{repository}: {tried} deliveries tried, nothing was changed: {carried_over} would be carried over \
         ({changed} changed by rules), {left_out} left out by the filter, {dropped} dropped by rules, \
         {broken} come to nothing, {passed_over} tell of nothing to carry over"
    )
}
