//! An expression's text in pieces: names, numbers, texts, signs.

use std::fmt;
use std::iter::Peekable;
use std::str::CharIndices;

use super::Refused;

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Int(i64),
    Text(String),
    Sign(&'static str),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "“{name}”"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(_) => f.write_str("a text"),
            Self::Sign(sign) => write!(f, "“{sign}”"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 24] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")",
    "[", "]", "{", "}", ".", ",",
];

type Characters<'a> = Peekable<CharIndices<'a>>;

/// All pieces, each with where it begins.
pub(super) fn tokens(source: &str) -> Result<Vec<(usize, Token)>, Refused> {
    let mut tokens = Vec::new();
    let mut characters = source.char_indices().peekable();
    while let Some(&(at, c)) = characters.peek() {
        let rest = source.get(at..).unwrap_or_default();
        let token = if c.is_whitespace() {
            characters.next();
            continue;
        } else if rest.starts_with("//") {
            while characters.next_if(|(_, c)| *c != '\n').is_some() {}
            continue;
        } else if c.is_ascii_digit() {
            number(source, at, &mut characters)?
        } else if c == '"' || c == '\'' {
            text(source, at, Escapes::Meant, &mut characters)?
        } else if rest.starts_with("r\"") || rest.starts_with("r'") {
            characters.next();
            text(source, at, Escapes::Plain, &mut characters)?
        } else if c.is_ascii_alphabetic() || c == '_' {
            Token::Name(word(&mut characters))
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            let _ = characters.nth(sign.len() - 1);
            Token::Sign(sign)
        } else {
            let hint = match c {
                '“' | '”' | '„' | '‘' | '’' => ": texts stand between \" or '",
                '=' => ": two of them compare",
                '&' | '|' => ": and is &&, or is ||",
                _ => "",
            };
            return Err(Refused::at(source, at, format!("“{c}” means nothing here{hint}")));
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

fn word(characters: &mut Characters<'_>) -> String {
    let mut word = String::new();
    while let Some((_, c)) = characters.next_if(|(_, c)| c.is_ascii_alphanumeric() || *c == '_') {
        word.push(c);
    }
    word
}

fn number(source: &str, at: usize, characters: &mut Characters<'_>) -> Result<Token, Refused> {
    let digits = word(characters);
    let followed_by = source.get(at + digits.len()..).unwrap_or_default();
    if followed_by.starts_with('.') && followed_by[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Refused::at(source, at, "only whole numbers can be written here"));
    }
    let read = match digits.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let number = read.map_err(|_| {
        Refused::at(source, at, format!("“{digits}” is no whole number that can be counted with"))
    })?;
    Ok(Token::Int(number))
}

/// Whether a backslash means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Meant,
    Plain,
}

fn text(
    source: &str,
    begin: usize,
    escapes: Escapes,
    characters: &mut Characters<'_>,
) -> Result<Token, Refused> {
    let unclosed = || Refused::at(source, begin, "this text is not closed");
    let (_, quote) = characters.next().ok_or_else(unclosed)?;
    let mut text = String::new();
    loop {
        let (at, c) = characters.next().ok_or_else(unclosed)?;
        match c {
            '\n' => return Err(unclosed()),
            c if c == quote => return Ok(Token::Text(text)),
            '\\' if escapes == Escapes::Meant => text.push(escaped(source, at, characters)?),
            c => text.push(c),
        }
    }
}

fn escaped(source: &str, at: usize, characters: &mut Characters<'_>) -> Result<char, Refused> {
    let unknown = || {
        let why = "this backslash means nothing: write \\\\ for one, or r\"…\" around the text";
        Refused::at(source, at, why)
    };
    let (_, c) = characters.next().ok_or_else(unknown)?;
    let digits = match c {
        'n' => return Ok('\n'),
        't' => return Ok('\t'),
        'r' => return Ok('\r'),
        '\\' | '"' | '\'' | '`' | '?' => return Ok(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Err(unknown()),
    };
    let code: String = characters.by_ref().take(digits).map(|(_, c)| c).collect();
    let is_whole = code.len() == digits && code.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(&code, 16).ok().filter(|_| is_whole);
    code.and_then(char::from_u32).ok_or_else(unknown)
}
