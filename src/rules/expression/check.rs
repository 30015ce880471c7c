//! From a tree to what can be reckoned: every name is known, every type fits, every pattern is
//! compiled. What comes out needs no further question.

use std::fmt;

use regex::Regex;

use super::syntax::{Kind, Part, Style};
use super::{Refused, Scope, Wanted};
use crate::rules::facts::{FACTS, Fact};

/// What a part comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rules) enum Type {
    Bool,
    Int,
    Text,
    List(Box<Type>),
    /// Of the elements of a list that has none.
    Nothing,
}

impl Type {
    pub(in crate::rules) fn texts() -> Self {
        Self::List(Box::new(Self::Text))
    }

    /// The type of what may be one or the other.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Nothing, known) | (known, Self::Nothing) => Some(known.clone()),
            (Self::List(one), Self::List(other)) => Some(Self::List(Box::new(one.meet(other)?))),
            (one, other) => (one == other).then(|| one.clone()),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Int => f.write_str("a number"),
            Self::Text => f.write_str("a text"),
            Self::List(of) => match **of {
                Self::Text => f.write_str("a list of texts"),
                _ => f.write_str("a list"),
            },
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// What can be reckoned. A pair's first is the left one, or what a function is called on.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Bool(bool),
    Int(i64),
    Text(String),
    Fact(Fact),
    /// What a macro's name stands for at this moment; the outermost macro's is 0.
    Local(usize),
    List(Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Choice(Box<[Node; 3]>),
    Pair(Operation, Box<[Node; 2]>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Regex),
    /// The list and what is asked of each element.
    Each(Macro, Box<[Node; 2]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    At,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($variant),+ }

        impl $name {
            pub(super) const ALL: &[(&str, Self)] = &[$(($word, Self::$variant)),+];

            pub(super) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, it)| *it)
            }
        }
    };
}

words! {
    /// What is called on a text, a list or a number.
    Function {
        Size = "size", StartsWith = "startsWith", EndsWith = "endsWith", Contains = "contains",
        Lower = "lower", Upper = "upper", Trim = "trim", Replace = "replace", Split = "split",
        Join = "join", String = "string", IsThere = "has",
    }
}

words! {
    /// What asks something of each element of a list.
    Macro { All = "all", Exists = "exists", ExistsOne = "exists_one", Filter = "filter", Map = "map" }
}

/// Checks one expression.
pub(super) struct Checker<'a> {
    source: &'a str,
    scope: Scope,
    pub(super) locals: Vec<(String, Type)>,
}

/// What a part is, and what it comes to.
pub(super) type Checked = Result<(Node, Type), Refused>;

impl<'a> Checker<'a> {
    pub(super) fn new(source: &'a str, scope: Scope) -> Self {
        Self { source, scope, locals: Vec::new() }
    }

    /// A whole expression, which has to come to what is wanted.
    pub(super) fn whole(mut self, tree: &Part, wanted: Wanted) -> Result<Node, Refused> {
        let wanted = match wanted {
            Wanted::Truth => Type::Bool,
            Wanted::Text => Type::Text,
            Wanted::Texts => Type::texts(),
        };
        let (node, found) = self.part(tree)?;
        if found.meet(&wanted).is_none() {
            let why = format!("it comes to {found}, and {wanted} is wanted");
            return Err(Refused::at(self.source, 0, why));
        }
        Ok(node)
    }

    pub(super) fn refuse(&self, part: &Part, why: impl Into<String>) -> Refused {
        Refused::at(self.source, part.at, why)
    }

    pub(super) fn part(&mut self, part: &Part) -> Checked {
        Ok(match &part.kind {
            Kind::Bool(truth) => (Node::Bool(*truth), Type::Bool),
            Kind::Int(number) => (Node::Int(*number), Type::Int),
            Kind::Text(text) => (Node::Text(text.clone()), Type::Text),
            Kind::List(parts) => self.list(parts)?,
            Kind::Name(name) => self.name(part, name)?,
            Kind::Select(of, field) => self.select(part, of, field)?,
            Kind::Call { style: Style::Operator, name, arguments } => {
                self.operator(part, name, arguments)?
            }
            Kind::Call { style, name, arguments } => self.call(part, *style, name, arguments)?,
        })
    }

    pub(super) fn of_type(&mut self, part: &Part, wanted: &Type) -> Result<Node, Refused> {
        let (node, found) = self.part(part)?;
        if found.meet(wanted).is_none() {
            return Err(self.refuse(part, format!("this is {found}, and {wanted} is wanted here")));
        }
        Ok(node)
    }

    fn list(&mut self, parts: &[Part]) -> Checked {
        let (mut nodes, mut of) = (Vec::with_capacity(parts.len()), Type::Nothing);
        for part in parts {
            let (node, found) = self.part(part)?;
            of = found.meet(&of).ok_or_else(|| {
                self.refuse(part, format!("this is {found} in a list whose first is {of}"))
            })?;
            nodes.push(node);
        }
        Ok((Node::List(nodes), Type::List(Box::new(of))))
    }

    fn name(&self, part: &Part, name: &str) -> Checked {
        if let Some(place) = self.locals.iter().rposition(|(local, _)| local == name) {
            return Ok((Node::Local(place), self.locals[place].1.clone()));
        }
        self.fact(part, name)
    }

    /// A fact by its whole name, `issue.title`.
    fn fact(&self, part: &Part, name: &str) -> Checked {
        let Some(fact) = FACTS.iter().find(|fact| fact.name == name) else {
            let inner = format!("{name}.");
            let within: Vec<_> =
                FACTS.iter().filter_map(|fact| fact.name.strip_prefix(&inner)).collect();
            return Err(self.refuse(
                part,
                if within.is_empty() {
                    let known = match self.scope {
                        Scope::Event => "event, action, sender, repository, issue or comment",
                        Scope::State => "repository or issue",
                    };
                    format!("there is no “{name}” here: use {known}")
                } else {
                    format!("“{name}” is no value by itself: name one of its {}", within.join(", "))
                },
            ));
        };
        if self.scope == Scope::State && !fact.is_state {
            return Err(self.refuse(part, format!(
                "a rule may not use “{name}”: it would come out otherwise when events come in another order; rules see issue and repository"
            )));
        }
        Ok((Node::Fact(fact.fact), fact.kind.as_type()))
    }

    fn select(&mut self, part: &Part, of: &Part, field: &str) -> Checked {
        let Kind::Name(name) = &of.kind else {
            let (_, found) = self.part(of)?;
            return Err(self.refuse(part, format!("{found} has no “{field}”")));
        };
        if let Some((_, local)) = self.locals.iter().rfind(|(local, _)| local == name) {
            return Err(self.refuse(part, format!("“{name}” is {local} and has no “{field}”")));
        }
        let prefix = format!("{name}.");
        let known: Vec<_> = FACTS.iter().filter_map(|f| f.name.strip_prefix(&prefix)).collect();
        if known.is_empty() {
            let (_, found) = self.part(of)?;
            return Err(self.refuse(part, format!("“{name}” is {found} and has no “{field}”")));
        }
        if !known.contains(&field) {
            let why = format!("“{name}” has no “{field}”: use one of {}", known.join(", "));
            return Err(self.refuse(part, why));
        }
        self.fact(of, &format!("{name}.{field}"))
    }

    fn operator(&mut self, part: &Part, sign: &str, arguments: &[Part]) -> Checked {
        match (sign, arguments) {
            ("!", [of]) => Ok((Node::Not(Box::new(self.of_type(of, &Type::Bool)?)), Type::Bool)),
            ("negative", [of]) => {
                Ok((Node::Negative(Box::new(self.of_type(of, &Type::Int)?)), Type::Int))
            }
            ("&&" | "||", [left, right]) => {
                let pair =
                    Box::new([self.of_type(left, &Type::Bool)?, self.of_type(right, &Type::Bool)?]);
                let node = if sign == "&&" { Node::And(pair) } else { Node::Or(pair) };
                Ok((node, Type::Bool))
            }
            ("?:", [condition, this, that]) => {
                let condition = self.of_type(condition, &Type::Bool)?;
                let (this, first) = self.part(this)?;
                let (node, second) = self.part(that)?;
                let found = first.meet(&second).ok_or_else(|| {
                    self.refuse(that, format!("this is {second}, and before the “:” is {first}"))
                })?;
                Ok((Node::Choice(Box::new([condition, this, node])), found))
            }
            (_, [left, right]) => self.pair(part, sign, left, right),
            _ => Err(self.refuse(part, "a bug: an operator without its parts")),
        }
    }

    fn pair(&mut self, part: &Part, sign: &str, left: &Part, right: &Part) -> Checked {
        let ((one, first), (other, second)) = (self.part(left)?, self.part(right)?);
        let both = first.meet(&second);
        let is_ordered = matches!(both, Some(Type::Int | Type::Text | Type::Bool));
        let is_joined = matches!(both, Some(Type::Int | Type::Text | Type::List(_)));
        let is_number = both == Some(Type::Int);
        let held = |list: &Type, one: &Type| match list {
            Type::List(of) => of.meet(one).is_some(),
            _ => false,
        };
        let (operation, fits) = match sign {
            "==" => (Operation::Equal, both.is_some()),
            "!=" => (Operation::Unequal, both.is_some()),
            "<" => (Operation::Less, is_ordered),
            "<=" => (Operation::LessOrEqual, is_ordered),
            ">" => (Operation::Greater, is_ordered),
            ">=" => (Operation::GreaterOrEqual, is_ordered),
            "in" => (Operation::In, held(&second, &first)),
            "[]" => (Operation::At, matches!(first, Type::List(_)) && second == Type::Int),
            "+" => (Operation::Add, is_joined),
            "-" => (Operation::Subtract, is_number),
            "*" => (Operation::Multiply, is_number),
            "/" => (Operation::Divide, is_number),
            _ => (Operation::Remainder, is_number),
        };
        if !fits {
            let why = format!("“{sign}” does not go between {first} and {second}");
            return Err(self.refuse(part, why));
        }
        let found = match operation {
            Operation::Add
            | Operation::Subtract
            | Operation::Multiply
            | Operation::Divide
            | Operation::Remainder => both.unwrap_or(Type::Nothing),
            Operation::At => match first {
                Type::List(of) => *of,
                other => other,
            },
            _ => Type::Bool,
        };
        Ok((Node::Pair(operation, Box::new([one, other])), found))
    }
}
