//! One repository's filter and rules, ready to be asked.
//!
//! Rules see what those before them made of title, labels and assignees, in their order. What they
//! come to is a function of the issue's state and the repository's name, of nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use uuid::Uuid;

use super::expression::{Expression, Fault, Refused, Scope, Wanted};
use super::facts::{Facts, IssueFacts};
use super::placing::{Placing, ProjectChoice, distinct as distinct_projects};
use super::written::{MOST_RULES, RefusedRule, RuleConfig};
use crate::sync::github::{Account, Issue, IssueLabel};
use crate::sync::plan::{Own, Ruled};
use crate::sync::plane::Priority;

/// A repository's filter and rules. The default lets everything through as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rulebook {
    filter: Option<Expression>,
    rules: Vec<Rule>,
    /// Why neither can be asked.
    unusable: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    name: String,
    when: Option<Expression>,
    title: Option<Expression>,
    labels: Option<Expression>,
    state: Option<Expression>,
    assignees: Option<Expression>,
    priority: Option<Expression>,
    project: Option<ProjectChoice>,
    ending: Ending,
}

/// What follows once a rule was for an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    GoOn,
    Stop,
    Drop,
}

/// What a filter says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is a reason to bring its issue in step.
    Admitted,
    /// It is none.
    LeftOut,
}

/// What rules make of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried over like this.
    Carried(Box<Carried>),
    /// It is not carried over.
    Dropped {
        /// Which rule says so.
        rule: String,
    },
}

/// An issue as it is carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// With the title, the labels and the people that the rules want.
    pub issue: Issue,
    /// What they want beside that, and what GitHub itself says.
    pub ruled: Ruled,
    /// Plane's project that they put it into; `None` for the repository's own.
    pub placing: Option<Placing>,
    /// The rules that were for it, in their order.
    pub rules: Vec<String>,
}

/// A filter or a rule that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Broken {
    /// `the filter`, `the rule “bugs first”`.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Rulebook {
    /// Reads and checks what was written.
    ///
    /// # Errors
    /// At the first expression that is refused, with its key and its place in it.
    pub fn read(filter: Option<&str>, rules: &[RuleConfig]) -> Result<Self, RefusedRule> {
        let source = filter.filter(|filter| !filter.trim().is_empty());
        let filter = source.map(|f| Expression::read(f, Scope::Event, Wanted::Truth)).transpose();
        let filter = filter.map_err(|refused| RefusedRule::of("filter", &refused))?;
        if rules.len() > MOST_RULES {
            let why = format!("there are more than {MOST_RULES}: make fewer of them");
            return Err(RefusedRule { key: "rules".to_owned(), why });
        }
        let read = rules.iter().enumerate();
        let rules =
            read.map(|(place, rule)| Rule::read(place + 1, rule)).collect::<Result<_, _>>()?;
        Ok(Self { filter, rules, unusable: None })
    }

    /// One that was stored and can't be read any more: whatever it is asked fails, so that nothing is
    /// carried over that should not be.
    pub fn unusable(why: String) -> Self {
        Self { unusable: Some(why), ..Self::default() }
    }

    fn usable(&self) -> Result<(), Broken> {
        let broken = |why: &String| Broken { what: "its rules".to_owned(), why: why.clone() };
        self.unusable.as_ref().map_or(Ok(()), |why| Err(broken(why)))
    }

    /// Whether it lets everything through as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it has a filter.
    pub fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// Every project of Plane's that a rule may put an issue into, in the rules' order.
    pub fn projects(&self) -> Vec<Uuid> {
        distinct_projects(self.rules.iter().filter_map(|rule| rule.project.as_ref()))
    }

    /// Whether any rule says into which project an issue goes.
    pub fn places(&self) -> bool {
        self.rules.iter().any(|rule| rule.project.is_some())
    }

    /// Whether an event is a reason to bring its issue in step.
    ///
    /// # Errors
    /// When the filter comes to nothing for it.
    pub fn admits(&self, facts: &Facts) -> Result<Admission, Broken> {
        self.usable()?;
        let Some(filter) = &self.filter else { return Ok(Admission::Admitted) };
        match unpanicked(|| filter.truth(facts)) {
            Ok(true) => Ok(Admission::Admitted),
            Ok(false) => Ok(Admission::LeftOut),
            Err(fault) => Err(Broken { what: "the filter".to_owned(), why: fault.to_string() }),
        }
    }

    /// How an issue of `repository` is carried over.
    ///
    /// # Errors
    /// When a rule comes to nothing for it.
    pub fn applied(&self, repository: &str, issue: &Issue) -> Result<Verdict, Broken> {
        self.usable()?;
        let mut carried = Carried {
            issue: issue.clone(),
            ruled: Ruled::default(),
            placing: None,
            rules: Vec::new(),
        };
        if self.rules.is_empty() {
            return Ok(Verdict::Carried(Box::new(carried)));
        }
        let own = issue;
        let (repository, issue) = (repository.to_owned(), IssueFacts::from(own));
        let mut facts = Facts { repository, issue, ..Facts::default() };
        for rule in &self.rules {
            let when = |when: &Expression| unpanicked(|| when.truth(&facts));
            let is_for_it = rule.when.as_ref().map_or(Ok(true), when);
            if !is_for_it.map_err(|fault| rule.broken(fault.to_string()))? {
                continue;
            }
            if rule.ending == Ending::Drop {
                return Ok(Verdict::Dropped { rule: rule.name.clone() });
            }
            rule.set(&mut facts, &mut carried)?;
            carried.rules.push(rule.name.clone());
            if rule.ending == Ending::Stop {
                break;
            }
        }
        carried.ruled.own = (carried.issue != *own).then(|| Own::from(own));
        Ok(Verdict::Carried(Box::new(carried)))
    }
}

impl Rule {
    fn read(place: usize, written: &RuleConfig) -> Result<Self, RefusedRule> {
        let key = |field: &str| format!("rules[{place}]{field}");
        let refuse = |why: &str| RefusedRule { key: key(""), why: why.to_owned() };
        let expression = |field: &str, source: Option<&String>, wanted| {
            let read = source.map(|source| Expression::read(source, Scope::State, wanted));
            read.transpose().map_err(|refused: Refused| RefusedRule::of(key(field), &refused))
        };
        let set = &written.set;
        let ending = match (written.drop, written.stop) {
            (true, _) if !set.is_empty() => {
                return Err(refuse("it drops what it sets: leave out set, or drop"));
            }
            (true, _) => Ending::Drop,
            (false, true) => Ending::Stop,
            (false, false) if set.is_empty() => {
                return Err(refuse("it does nothing: give it set, drop or stop"));
            }
            (false, false) => Ending::GoOn,
        };
        let project = set.plane_project.as_deref().map(ProjectChoice::read).transpose();
        let project = project.map_err(|why| RefusedRule { key: key(".set.plane_project"), why })?;
        let name = written.name.clone().filter(|name| !name.trim().is_empty());
        let rule = Self {
            name: name.unwrap_or_else(|| format!("rule {place}")),
            when: expression(".when", written.when.as_ref(), Wanted::Truth)?,
            title: expression(".set.title", set.title.as_ref(), Wanted::Text)?,
            labels: expression(".set.labels", set.labels.as_ref(), Wanted::Texts)?,
            state: expression(".set.state", set.state.as_ref(), Wanted::Text)?,
            assignees: expression(".set.assignees", set.assignees.as_ref(), Wanted::Texts)?,
            priority: expression(".set.priority", set.priority.as_ref(), Wanted::Text)?,
            project,
            ending,
        };
        let constant = rule.priority.as_ref().and_then(Expression::constant_text);
        let constant = constant.filter(|word| !word.is_empty());
        if let Some(Err(unknown)) = constant.map(str::parse::<Priority>) {
            return Err(RefusedRule { key: key(".set.priority"), why: unknown.to_string() });
        }
        Ok(rule)
    }

    fn broken(&self, why: String) -> Broken {
        Broken { what: format!("the rule “{}”", self.name), why }
    }

    fn set(&self, facts: &mut Facts, carried: &mut Carried) -> Result<(), Broken> {
        let text = |expression: Option<&Expression>, facts: &Facts| {
            let reckoned = expression.map(|e| unpanicked(|| e.text(facts))).transpose();
            reckoned.map_err(|fault| self.broken(fault.to_string()))
        };
        let texts = |expression: Option<&Expression>, facts: &Facts| {
            let reckoned = expression.map(|e| unpanicked(|| e.texts(facts))).transpose();
            reckoned.map_err(|fault| self.broken(fault.to_string()))
        };
        // All of a rule's expressions see the same state.
        let title = text(self.title.as_ref(), facts)?;
        let labels = texts(self.labels.as_ref(), facts)?;
        let assignees = texts(self.assignees.as_ref(), facts)?;
        let state = text(self.state.as_ref(), facts)?;
        let priority = text(self.priority.as_ref(), facts)?;
        let project = self.project.as_ref().map(|choice| unpanicked(|| choice.of(facts)));
        let project = project.transpose().map_err(|fault| self.broken(fault.to_string()))?;
        if let Some(title) = title {
            if title.trim().is_empty() {
                return Err(self.broken("the title that it sets is empty".to_owned()));
            }
            facts.issue.title.clone_from(&title);
            carried.issue.title = title;
        }
        if let Some(names) = labels {
            let names = distinct(names);
            carried.issue.labels = names.iter().map(|n| label(&carried.issue, n)).collect();
            facts.issue.labels = names;
        }
        if let Some(logins) = assignees {
            let logins = distinct(logins);
            carried.issue.assignees = logins.iter().map(|l| account(&carried.issue, l)).collect();
            facts.issue.assignees = logins;
        }
        if let Some(project) = project.flatten() {
            carried.placing = Some(Placing { project, rule: self.name.clone() });
        }
        self.wish(state, priority, carried)
    }

    fn wish(
        &self,
        state: Option<String>,
        priority: Option<String>,
        carried: &mut Carried,
    ) -> Result<(), Broken> {
        if let Some(state) = state.filter(|state| !state.trim().is_empty()) {
            carried.ruled.wish.state = Some(state.trim().to_owned());
        }
        if let Some(word) = priority.filter(|word| !word.is_empty()) {
            let priority = word.parse::<Priority>();
            carried.ruled.wish.priority = Some(priority.map_err(|e| self.broken(e.to_string()))?);
        }
        Ok(())
    }
}

/// Each once, in their order, and none that is blank.
fn distinct(names: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let is_known = |known: &String| known.to_lowercase() == name.to_lowercase();
        if !name.trim().is_empty() && !distinct.iter().any(is_known) {
            distinct.push(name);
        }
    }
    distinct
}

/// The issue's own label of that name, or a new one.
fn label(issue: &Issue, name: &str) -> IssueLabel {
    let known = issue.labels.iter().find(|label| label.name == name).cloned();
    known.unwrap_or_else(|| IssueLabel { id: None, name: name.to_owned(), color: None })
}

/// The issue's own account of that login, or one of whom nothing else is known.
fn account(issue: &Issue, login: &str) -> Account {
    let known = issue.assignees.iter().find(|account| account.login == login).cloned();
    known.unwrap_or_else(|| Account { id: 0, login: login.to_owned() })
}

/// A panic is one rule's failure.
fn unpanicked<T>(reckon: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(reckon)).unwrap_or(Err(Fault::Bug))
}
