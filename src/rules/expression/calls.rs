//! Checking what is called: functions, patterns, and what asks something of each element of a list.

use regex::RegexBuilder;

use super::Refused;
use super::check::{Checked, Checker, Function, Macro, Node, Type};
use super::syntax::{Kind, Part, Style};

/// How many lists may be gone over within one another: the work is their product.
const DEEPEST: usize = 2;
/// How large a compiled pattern may be, in bytes.
const LARGEST_PATTERN: usize = 1 << 18;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        part: &Part,
        style: Style,
        name: &str,
        arguments: &[Part],
    ) -> Checked {
        if let (Style::Method, Some(kind)) = (style, Macro::named(name)) {
            return self.each(part, kind, name, arguments);
        }
        if let (Style::Method, "matches", [of, pattern]) = (style, name, arguments) {
            return self.matches(of, pattern);
        }
        let function = match name {
            "lowerAscii" => Some(Function::Lower),
            "upperAscii" => Some(Function::Upper),
            other => Function::named(other),
        };
        let function = function.ok_or_else(|| self.unknown(part, name))?;
        let misused = |what: &str| format!("{what}“{name}” is used as {}", usage(function));
        if !fits(function, style, arguments.len()) {
            return Err(self.refuse(part, misused("")));
        }
        let mut nodes = Vec::with_capacity(arguments.len());
        for (place, argument) in arguments.iter().enumerate() {
            let (node, found) = self.part(argument)?;
            let is_right = match (function, place) {
                (Function::Size, _) => matches!(found, Type::Text | Type::List(_)),
                (Function::String, _) => !matches!(found, Type::List(_)),
                (Function::IsThere, _) => matches!(argument.kind, Kind::Select(..)),
                (Function::Join, 0) => found.meet(&Type::texts()).is_some(),
                _ => found == Type::Text,
            };
            if !is_right {
                return Err(self.refuse(argument, misused(&format!("this is {found}, and "))));
            }
            nodes.push(node);
        }
        let found = match function {
            Function::Size => Type::Int,
            Function::Split => Type::texts(),
            Function::StartsWith | Function::EndsWith | Function::Contains | Function::IsThere => {
                Type::Bool
            }
            _ => Type::Text,
        };
        Ok((Node::Call(function, nodes), found))
    }

    fn unknown(&self, part: &Part, name: &str) -> Refused {
        let functions = Function::ALL.iter().map(|(name, _)| *name);
        let macros = Macro::ALL.iter().map(|(name, _)| *name);
        let known: Vec<_> = functions.chain(["matches"]).chain(macros).collect();
        let why = format!("there is no function “{name}” here: use one of {}", known.join(", "));
        self.refuse(part, why)
    }

    fn matches(&mut self, of: &Part, pattern: &Part) -> Checked {
        let of = self.of_type(of, &Type::Text)?;
        let Kind::Text(text) = &pattern.kind else {
            return Err(self.refuse(pattern, "the pattern has to be written out, as a text"));
        };
        let regex =
            RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build().map_err(|error| {
                let words = error.to_string();
                let last = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.refuse(pattern, format!("this pattern can't be used: {last}"))
            })?;
        Ok((Node::Matches(Box::new(of), regex), Type::Bool))
    }

    fn each(&mut self, part: &Part, kind: Macro, name: &str, arguments: &[Part]) -> Checked {
        let [list, of, asked] = arguments else {
            return Err(self.refuse(part, format!("“{name}” is used as list.{name}(x, …)")));
        };
        let (range, found) = self.part(list)?;
        let Type::List(element) = found else {
            let why = format!("this is {found}, and “{name}” goes over a list");
            return Err(self.refuse(list, why));
        };
        let Kind::Name(local) = &of.kind else {
            return Err(self.refuse(of, "here stands the name for one element of the list"));
        };
        if self.locals.len() >= DEEPEST {
            return Err(self.refuse(part, "lists may be gone over within one another only twice"));
        }
        self.locals.push((local.clone(), (*element).clone()));
        let checked = match kind {
            Macro::Map => self.part(asked),
            _ => self.of_type(asked, &Type::Bool).map(|node| (node, Type::Bool)),
        };
        self.locals.pop();
        let (asked, made) = checked?;
        let found = match kind {
            Macro::Map => Type::List(Box::new(made)),
            Macro::Filter => Type::List(element),
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
        };
        Ok((Node::Each(kind, Box::new([range, asked])), found))
    }
}

/// Whether a function may be called in this way, with so many parts, what it is called on included.
fn fits(function: Function, style: Style, count: usize) -> bool {
    let is_method = style == Style::Method;
    match function {
        Function::Size => count == 1,
        Function::String | Function::IsThere => !is_method && count == 1,
        Function::Lower | Function::Upper | Function::Trim => is_method && count == 1,
        Function::Replace => is_method && count == 3,
        Function::Join => is_method && matches!(count, 1 | 2),
        Function::StartsWith | Function::EndsWith | Function::Contains | Function::Split => {
            is_method && count == 2
        }
    }
}

fn usage(function: Function) -> &'static str {
    match function {
        Function::Size => "size(x), with a text or a list",
        Function::StartsWith => "text.startsWith(text)",
        Function::EndsWith => "text.endsWith(text)",
        Function::Contains => "text.contains(text)",
        Function::Lower => "text.lower()",
        Function::Upper => "text.upper()",
        Function::Trim => "text.trim()",
        Function::Replace => "text.replace(text, text)",
        Function::Split => "text.split(text)",
        Function::Join => "list.join(text), with a list of texts",
        Function::String => "string(x), with a number, a text, true or false",
        Function::IsThere => "has(issue.field)",
    }
}
