//! From an expression's text to its tree: CEL's grammar, as far as it is of use here.
//!
//! The rule: how deep and how long a text may be is bounded here, so that whoever walks the tree
//! later may do it by recursion. Deliberately absent: numbers with fractions, bytes, maps and
//! messages, which nothing of ours holds; each is refused by name.

use super::tokens::{Token, tokens};
use super::{MOST_PARTS, Refused};

/// A part of an expression, and where it begins in the text, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Bool(bool),
    Int(i64),
    Text(String),
    Name(String),
    List(Vec<Part>),
    Select(Box<Part>, String),
    /// An operator by its sign, or a function by its name; what it is called on comes first.
    Call {
        style: Style,
        name: String,
        arguments: Vec<Part>,
    },
}

/// How a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Operator,
    Function,
    Method,
}

/// How deep brackets and signs may be nested.
const DEEPEST: usize = 40;

/// Operators between two parts from the weakest to the strongest.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

/// The tree of a text.
pub(super) fn parse(source: &str) -> Result<Part, Refused> {
    let mut parser = Parser { source, tokens: tokens(source)?, next: 0, depth: 0, parts: 0 };
    let part = parser.choice()?;
    match parser.peek() {
        Token::End => Ok(part),
        other => Err(parser.refuse(format!("expected an operator or the end, not {other}"))),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    parts: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.source.len(), |(at, _)| *at)
    }

    fn refuse(&self, why: impl Into<String>) -> Refused {
        Refused::at(self.source, self.at(), why)
    }

    /// Takes the next token if it is this sign or word.
    fn takes(&mut self, sign: &str) -> bool {
        let is_it = match self.peek() {
            Token::Sign(next) => *next == sign,
            Token::Name(name) => name == sign,
            Token::Int(_) | Token::Text(_) | Token::End => false,
        };
        self.next += usize::from(is_it);
        is_it
    }

    fn needs(&mut self, sign: &str) -> Result<(), Refused> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(self.refuse(format!("expected “{sign}”, not {}", self.peek())))
    }

    fn part(&mut self, at: usize, kind: Kind) -> Result<Part, Refused> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            let why = format!("it has more than {MOST_PARTS} parts: make several rules of it");
            return Err(Refused::at(self.source, at, why));
        }
        Ok(Part { at, kind })
    }

    /// Goes one level deeper for as long as `inner` takes.
    fn deeper(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Part, Refused>,
    ) -> Result<Part, Refused> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.refuse("it is nested too deeply"));
        }
        let part = inner(self);
        self.depth -= 1;
        part
    }

    /// `condition ? this : that`.
    fn choice(&mut self) -> Result<Part, Refused> {
        let condition = self.level(0)?;
        let at = self.at();
        if !self.takes("?") {
            return Ok(condition);
        }
        let this = self.level(0)?;
        self.needs(":")?;
        let that = self.deeper(Self::choice)?;
        self.operator(at, "?:", vec![condition, this, that])
    }

    fn operator(&mut self, at: usize, sign: &str, arguments: Vec<Part>) -> Result<Part, Refused> {
        let name = sign.to_owned();
        self.part(at, Kind::Call { style: Style::Operator, name, arguments })
    }

    /// Operators of one level, from left to right.
    fn level(&mut self, level: usize) -> Result<Part, Refused> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        loop {
            let at = self.at();
            let Some(sign) = signs.iter().find(|sign| self.takes(sign)) else { return Ok(left) };
            let right = self.level(level + 1)?;
            left = self.operator(at, sign, vec![left, right])?;
        }
    }

    fn unary(&mut self) -> Result<Part, Refused> {
        let at = self.at();
        if self.takes("!") {
            let of = self.deeper(Self::unary)?;
            return self.operator(at, "!", vec![of]);
        }
        if self.takes("-") {
            let of = self.deeper(Self::unary)?;
            return self.operator(at, "negative", vec![of]);
        }
        self.member()
    }

    /// A part with what follows it: fields, methods, places in a list.
    fn member(&mut self) -> Result<Part, Refused> {
        let mut part = self.primary()?;
        loop {
            let at = self.at();
            if self.takes(".") {
                let at = self.at();
                let name = self.name()?;
                part = if self.takes("(") {
                    let mut arguments = vec![part];
                    self.list_until(")", &mut arguments)?;
                    self.part(at, Kind::Call { style: Style::Method, name, arguments })?
                } else {
                    self.part(at, Kind::Select(Box::new(part), name))?
                };
            } else if self.takes("[") {
                let place = self.deeper(Self::choice)?;
                self.needs("]")?;
                part = self.operator(at, "[]", vec![part, place])?;
            } else {
                return Ok(part);
            }
        }
    }

    fn name(&mut self) -> Result<String, Refused> {
        let Token::Name(name) = self.peek() else {
            return Err(self.refuse(format!("expected a name, not {}", self.peek())));
        };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    /// Parts between commas up to a closing sign.
    fn list_until(&mut self, end: &str, parts: &mut Vec<Part>) -> Result<(), Refused> {
        if self.takes(end) {
            return Ok(());
        }
        loop {
            parts.push(self.deeper(Self::choice)?);
            if self.takes(end) {
                return Ok(());
            }
            if !self.takes(",") {
                return Err(self.refuse(format!("expected “,” or “{end}”, not {}", self.peek())));
            }
        }
    }

    fn primary(&mut self) -> Result<Part, Refused> {
        let at = self.at();
        if self.takes("(") {
            let inner = self.deeper(Self::choice)?;
            self.needs(")")?;
            return Ok(inner);
        }
        if self.takes("[") {
            let mut parts = Vec::new();
            self.list_until("]", &mut parts)?;
            return self.part(at, Kind::List(parts));
        }
        let kind = match self.peek() {
            Token::Int(number) => Kind::Int(*number),
            Token::Text(text) => Kind::Text(text.clone()),
            Token::Name(name) => match name.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => {
                    return Err(self.refuse("there is no null here: what is missing is empty"));
                }
                "in" => return Err(self.refuse("expected a value before “in”")),
                _ => return self.named(at),
            },
            Token::Sign("{") => return Err(self.refuse("maps can't be written here")),
            other => return Err(self.refuse(format!("expected a value, not {other}"))),
        };
        self.next += 1;
        self.part(at, kind)
    }

    fn named(&mut self, at: usize) -> Result<Part, Refused> {
        let name = self.name()?;
        if self.takes("(") {
            let mut arguments = Vec::new();
            self.list_until(")", &mut arguments)?;
            return self.part(at, Kind::Call { style: Style::Function, name, arguments });
        }
        self.part(at, Kind::Name(name))
    }
}
