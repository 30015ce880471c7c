//! Reckoning a checked expression for the facts at hand, within a limit of work. The limit also
//! bounds the memory: whatever is made is paid for by its size.

use std::borrow::Cow;
use std::rc::Rc;

use super::check::{Function, Macro, Node, Operation};
use crate::rules::facts::{Facts, Held};

/// How much one expression may do, in steps: a value or an operator is one, and a text costs one
/// more for every 32 bytes. Some milliseconds at most.
const MOST_STEPS: u64 = 200_000;
/// The steps of a text are its bytes divided by this.
const BYTES_A_STEP: usize = 32;

/// Why an expression came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It went over the limit of work.
    #[error("it is too much work for one event (more than {MOST_STEPS} steps)")]
    TooMuch,
    /// A list is shorter than that.
    #[error("it asks for place {0} of a list that has fewer: test size(…) first")]
    NoSuchPlace(i64),
    /// A number divided by nothing.
    #[error("it divides by zero")]
    DivisionByZero,
    /// A number beyond what can be counted.
    #[error("a number became too large")]
    Overflow,
    /// What was checked does not hold.
    #[error("a bug: it was checked and does not come to what it should; please report it")]
    Bug,
}

/// What a part comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    List(Rc<Vec<Value<'a>>>),
}

impl Value<'_> {
    /// What it costs to look at it or to make it.
    fn steps(&self) -> u64 {
        let steps = match self {
            Self::Bool(_) | Self::Int(_) => 0,
            Self::Text(text) => text.len() / BYTES_A_STEP,
            Self::List(values) => values.len(),
        };
        steps as u64
    }
}

type Reckoned<'a> = Result<Value<'a>, Fault>;

/// One expression being reckoned.
pub(super) struct Reckoning<'a> {
    facts: &'a Facts,
    locals: Vec<Value<'a>>,
    left: u64,
}

impl<'a> Reckoning<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        Self { facts, locals: Vec::new(), left: MOST_STEPS }
    }

    fn pay(&mut self, steps: u64) -> Result<(), Fault> {
        self.left = self.left.checked_sub(steps).ok_or(Fault::TooMuch)?;
        Ok(())
    }

    pub(super) fn of(&mut self, node: &'a Node) -> Reckoned<'a> {
        self.pay(1)?;
        Ok(match node {
            Node::Bool(truth) => Value::Bool(*truth),
            Node::Int(number) => Value::Int(*number),
            Node::Text(text) => Value::Text(Cow::Borrowed(text)),
            Node::Fact(fact) => match self.facts.held(*fact) {
                Held::Truth(truth) => Value::Bool(truth),
                Held::Number(number) => Value::Int(number),
                Held::Text(text) => Value::Text(Cow::Borrowed(text)),
                Held::Texts(texts) => {
                    self.pay(texts.len() as u64)?;
                    let texts = texts.iter().map(|text| Value::Text(Cow::Borrowed(text)));
                    Value::List(Rc::new(texts.collect()))
                }
            },
            Node::Local(place) => self.locals.get(*place).cloned().ok_or(Fault::Bug)?,
            Node::List(nodes) => {
                let values: Result<_, _> = nodes.iter().map(|node| self.of(node)).collect();
                Value::List(Rc::new(values?))
            }
            Node::Not(of) => Value::Bool(!self.truth(of)?),
            Node::Negative(of) => Value::Int(self.int(of)?.checked_neg().ok_or(Fault::Overflow)?),
            Node::And(pair) => Value::Bool(self.decided(&pair[0], &pair[1], false)?),
            Node::Or(pair) => Value::Bool(self.decided(&pair[0], &pair[1], true)?),
            Node::Choice(parts) => {
                let chosen = if self.truth(&parts[0])? { &parts[1] } else { &parts[2] };
                self.of(chosen)?
            }
            Node::Pair(operation, pair) => {
                let (one, other) = (self.of(&pair[0])?, self.of(&pair[1])?);
                self.pair(*operation, one, other)?
            }
            Node::Call(function, nodes) => self.call(*function, nodes)?,
            Node::Matches(of, pattern) => {
                let text = self.text(of)?;
                // A pattern looks at each byte a few times, however it is written.
                self.pay(4 * (text.len() / BYTES_A_STEP) as u64)?;
                Value::Bool(pattern.is_match(&text))
            }
            Node::Each(kind, parts) => self.each(*kind, &parts[0], &parts[1])?,
        })
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Fault> {
        match self.of(node)? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(Fault::Bug),
        }
    }

    fn int(&mut self, node: &'a Node) -> Result<i64, Fault> {
        match self.of(node)? {
            Value::Int(number) => Ok(number),
            _ => Err(Fault::Bug),
        }
    }

    fn text(&mut self, node: &'a Node) -> Result<Cow<'a, str>, Fault> {
        match self.of(node)? {
            Value::Text(text) => Ok(text),
            _ => Err(Fault::Bug),
        }
    }

    fn list(&mut self, node: &'a Node) -> Result<Rc<Vec<Value<'a>>>, Fault> {
        match self.of(node)? {
            Value::List(values) => Ok(values),
            _ => Err(Fault::Bug),
        }
    }

    /// `&&` and `||`: either side alone may decide, also where the other one comes to nothing.
    fn decided(&mut self, one: &'a Node, other: &'a Node, deciding: bool) -> Result<bool, Fault> {
        match self.truth(one) {
            Ok(truth) if truth == deciding => Ok(deciding),
            Ok(_) => self.truth(other),
            Err(Fault::TooMuch) => Err(Fault::TooMuch),
            Err(fault) => match self.truth(other)? {
                truth if truth == deciding => Ok(deciding),
                _ => Err(fault),
            },
        }
    }

    fn pair(&mut self, operation: Operation, one: Value<'a>, other: Value<'a>) -> Reckoned<'a> {
        self.pay(one.steps().min(other.steps()))?;
        Ok(match (operation, one, other) {
            (Operation::Equal, one, other) => Value::Bool(one == other),
            (Operation::Unequal, one, other) => Value::Bool(one != other),
            (Operation::In, one, Value::List(values)) => {
                self.pay(values.iter().map(|value| 1 + value.steps().min(one.steps())).sum())?;
                Value::Bool(values.contains(&one))
            }
            (Operation::At, Value::List(values), Value::Int(place)) => {
                let value = usize::try_from(place).ok().and_then(|place| values.get(place));
                value.cloned().ok_or(Fault::NoSuchPlace(place))?
            }
            (Operation::Add, Value::Text(one), Value::Text(other)) => {
                let text = one + other;
                self.made(Value::Text(text))?
            }
            (Operation::Add, Value::List(mut one), Value::List(other)) => {
                Rc::make_mut(&mut one).extend(other.iter().cloned());
                self.made(Value::List(one))?
            }
            (operation, Value::Int(one), Value::Int(other)) => integers(operation, one, other)?,
            (operation, Value::Text(one), Value::Text(other)) => ordered(operation, &one, &other)?,
            (operation, Value::Bool(one), Value::Bool(other)) => ordered(operation, &one, &other)?,
            _ => return Err(Fault::Bug),
        })
    }

    fn made(&mut self, value: Value<'a>) -> Reckoned<'a> {
        self.pay(value.steps())?;
        Ok(value)
    }

    fn call(&mut self, function: Function, nodes: &'a [Node]) -> Reckoned<'a> {
        let first = self.of(nodes.first().ok_or(Fault::Bug)?)?;
        self.pay(first.steps())?;
        let mut text = |place: usize| match nodes.get(place) {
            Some(node) => self.text(node),
            None => Ok(Cow::Borrowed("")),
        };
        let value = match (function, first) {
            (Function::Size, Value::Text(text)) => length(text.chars().count()),
            (Function::Size, Value::List(values)) => length(values.len()),
            (Function::StartsWith, Value::Text(of)) => Value::Bool(of.starts_with(&*text(1)?)),
            (Function::EndsWith, Value::Text(of)) => Value::Bool(of.ends_with(&*text(1)?)),
            (Function::Contains, Value::Text(of)) => Value::Bool(of.contains(&*text(1)?)),
            (Function::Lower, Value::Text(of)) => Value::Text(of.to_lowercase().into()),
            (Function::Upper, Value::Text(of)) => Value::Text(of.to_uppercase().into()),
            (Function::Trim, Value::Text(of)) => Value::Text(of.trim().to_owned().into()),
            (Function::Replace, Value::Text(of)) => {
                let (from, to) = (text(1)?, text(2)?);
                let count = if from.is_empty() { 0 } else { of.matches(&*from).count() };
                self.pay((count * to.len() / BYTES_A_STEP) as u64)?;
                let text = if count == 0 { of } else { of.replace(&*from, &to).into() };
                Value::Text(text)
            }
            (Function::Split, Value::Text(of)) => {
                let by = text(1)?;
                let parts = of.split(&*by).filter(|part| !(by.is_empty() && part.is_empty()));
                self.pay(parts.clone().count() as u64)?;
                Value::List(Rc::new(
                    parts.map(|part| Value::Text(part.to_owned().into())).collect(),
                ))
            }
            (Function::Join, Value::List(values)) => {
                let between = text(1)?;
                self.joined(&values, &between)?
            }
            (Function::String, Value::Int(number)) => Value::Text(number.to_string().into()),
            (Function::String, Value::Bool(truth)) => Value::Text(truth.to_string().into()),
            (Function::String, text @ Value::Text(_)) => text,
            (Function::IsThere, value) => Value::Bool(match value {
                Value::Bool(truth) => truth,
                Value::Int(number) => number != 0,
                Value::Text(text) => !text.is_empty(),
                Value::List(values) => !values.is_empty(),
            }),
            _ => return Err(Fault::Bug),
        };
        Ok(value)
    }

    fn joined(&mut self, values: &[Value<'a>], between: &str) -> Reckoned<'a> {
        let mut joined = String::new();
        for (place, value) in values.iter().enumerate() {
            let Value::Text(text) = value else { return Err(Fault::Bug) };
            self.pay(1 + ((between.len() + text.len()) / BYTES_A_STEP) as u64)?;
            if place > 0 {
                joined.push_str(between);
            }
            joined.push_str(text);
        }
        Ok(Value::Text(joined.into()))
    }

    fn each(&mut self, kind: Macro, range: &'a Node, asked: &'a Node) -> Reckoned<'a> {
        let values = self.list(range)?;
        let (mut fault, mut fitting, mut made) = (None, 0_usize, Vec::new());
        for value in values.iter() {
            self.locals.push(value.clone());
            let found = self.of(asked);
            self.locals.pop();
            match (kind, found) {
                (Macro::All, Ok(Value::Bool(false))) => return Ok(Value::Bool(false)),
                (Macro::Exists, Ok(Value::Bool(true))) => return Ok(Value::Bool(true)),
                (Macro::Map, Ok(value)) => made.push(value),
                (Macro::Filter, Ok(Value::Bool(true))) => made.push(value.clone()),
                (Macro::ExistsOne, Ok(Value::Bool(true))) => fitting += 1,
                (_, Ok(Value::Bool(_))) => {}
                // As with && and ||, another element may decide all the same.
                (Macro::All | Macro::Exists, Err(error)) if error != Fault::TooMuch => {
                    fault = Some(error);
                }
                (_, Err(error)) => return Err(error),
                (_, Ok(_)) => return Err(Fault::Bug),
            }
        }
        match (kind, fault) {
            (_, Some(fault)) => Err(fault),
            (Macro::All, None) => Ok(Value::Bool(true)),
            (Macro::Exists, None) => Ok(Value::Bool(false)),
            (Macro::ExistsOne, None) => Ok(Value::Bool(fitting == 1)),
            (Macro::Map | Macro::Filter, None) => Ok(Value::List(Rc::new(made))),
        }
    }
}

fn length<'a>(count: usize) -> Value<'a> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn ordered<'a, T: Ord + ?Sized>(operation: Operation, one: &T, other: &T) -> Reckoned<'a> {
    Ok(Value::Bool(match operation {
        Operation::Less => one < other,
        Operation::LessOrEqual => one <= other,
        Operation::Greater => one > other,
        Operation::GreaterOrEqual => one >= other,
        _ => return Err(Fault::Bug),
    }))
}

fn integers<'a>(operation: Operation, one: i64, other: i64) -> Reckoned<'a> {
    let number = match operation {
        Operation::Add => one.checked_add(other),
        Operation::Subtract => one.checked_sub(other),
        Operation::Multiply => one.checked_mul(other),
        Operation::Divide | Operation::Remainder if other == 0 => {
            return Err(Fault::DivisionByZero);
        }
        Operation::Divide => one.checked_div(other),
        Operation::Remainder => one.checked_rem(other),
        _ => return ordered(operation, &one, &other),
    };
    number.map(Value::Int).ok_or(Fault::Overflow)
}
