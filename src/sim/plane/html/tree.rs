//! The tree that libxml2 builds of HTML: it implies `html`, `head` and `body`, closes elements by
//! HTML 4's rules, and takes everything else as it comes.

use std::cell::RefCell;

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};

use super::rules::{closes, is_void, rank, shapes_the_parse};

enum Node {
    Element {
        name: String,
        attributes: Vec<(String, String)>,
        children: Vec<usize>,
    },
    Text(String),
    /// A comment, a processing instruction or CDATA: nothing to see, but a neighbor.
    Comment,
}

/// The parsed document.
#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
    open: Vec<usize>,
    text: String,
    head_seen: bool,
    body_seen: bool,
}

/// Builds a [`Tree`] from tokens.
#[derive(Default)]
pub struct Sink(RefCell<Tree>);

impl Sink {
    pub fn into_tree(self) -> Tree {
        self.0.into_inner()
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut tree = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => tree.text.push_str(&text),
            Token::NullCharacterToken => tree.text.push('\u{fffd}'),
            Token::CommentToken(_) => {
                tree.end_text();
                if !tree.open.is_empty() {
                    tree.append(Node::Comment);
                }
            }
            Token::TagToken(tag) => {
                tree.end_text();
                match tag.kind {
                    TagKind::StartTag => return tree.start(&tag),
                    TagKind::EndTag => tree.end(&tag.name),
                }
            }
            Token::EOFToken => tree.end_text(),
            // An unfinished tag is lost, but not that something was there.
            Token::ParseError(message)
                if message.starts_with("Saw EOF in state")
                    && ["TagName", "Attribute", "SelfClosing"]
                        .iter()
                        .any(|s| message.contains(s)) =>
            {
                tree.end_text();
                tree.imply("p");
            }
            Token::DoctypeToken(_) | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl Tree {
    fn name(&self, node: usize) -> &str {
        match &self.nodes[node] {
            Node::Element { name, .. } => name,
            Node::Text(_) | Node::Comment => "",
        }
    }

    fn children(&self, node: usize) -> &[usize] {
        match &self.nodes[node] {
            Node::Element { children, .. } => children,
            Node::Text(_) | Node::Comment => &[],
        }
    }

    fn current(&self) -> &str {
        self.open.last().map_or("", |node| self.name(*node))
    }

    fn append(&mut self, node: Node) -> usize {
        let id = self.nodes.len();
        self.nodes.push(node);
        if let Some(parent) = self.open.last()
            && let Node::Element { children, .. } = &mut self.nodes[*parent]
        {
            children.push(id);
        }
        id
    }

    fn push(&mut self, name: &str, attributes: Vec<(String, String)>) {
        let node = Node::Element { name: name.into(), attributes, children: Vec::new() };
        let id = self.append(node);
        self.open.push(id);
        self.body_seen |= name == "body";
        self.head_seen |= name == "head" || name == "body";
    }

    fn is_open(&self, name: &str) -> bool {
        self.open.iter().any(|node| self.name(*node) == name)
    }

    fn end_text(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        if matches!(self.current(), "" | "html") {
            text.drain(
                ..text.len() - text.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']).len(),
            );
        }
        if text.is_empty() {
            return;
        }
        if !text.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
            if self.current() == "head" {
                self.open.pop();
            }
            self.imply("p");
        }
        self.append(Node::Text(text));
    }

    /// Opens `html`, `head` and `body` where the next element needs them.
    fn imply(&mut self, next: &str) {
        if next == "html" {
            return;
        }
        if self.open.is_empty() {
            self.push("html", Vec::new());
        }
        if matches!(next, "head" | "body") {
            return;
        }
        let for_head = matches!(next, "script" | "style" | "meta" | "link" | "title" | "base");
        if self.open.len() <= 1 && for_head {
            if !self.head_seen {
                self.push("head", Vec::new());
            }
        } else if !matches!(next, "noframes" | "frame" | "frameset")
            && !self.body_seen
            && !self.is_open("head")
        {
            self.push("body", Vec::new());
        }
    }

    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        while closes(self.current(), name) {
            self.open.pop();
        }
        self.imply(name);
        let misplaced = match name {
            "html" => !self.open.is_empty(),
            "head" => self.open.len() != 1,
            "body" => self.is_open("body"),
            _ => false,
        };
        if misplaced {
            return TokenSinkResult::Continue;
        }
        let attributes =
            tag.attrs.iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect();
        self.push(name, attributes);
        if tag.self_closing || is_void(name) {
            self.open.pop();
        }
        match name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }

    /// An end tag closes up to its element, but never through one of a higher rank.
    fn end(&mut self, name: &str) {
        if matches!(name, "html" | "body") {
            return;
        }
        let above = self.open.iter().rev().take_while(|node| self.name(**node) != name).count();
        let passes = self.open.iter().rev().take(above).all(|n| rank(self.name(*n)) <= rank(name));
        if above < self.open.len() && passes {
            self.open.truncate(self.open.len() - above - 1);
        }
    }

    /// The `html` element, unless there was nothing.
    pub fn root(&self) -> Option<usize> {
        (!self.nodes.is_empty()).then_some(0)
    }

    pub fn child(&self, node: usize, name: &str) -> Option<usize> {
        self.children(node).iter().copied().find(|child| self.name(*child) == name)
    }

    /// The one element below `node`, if only white space is beside it.
    pub fn only_element(&self, node: usize) -> Option<usize> {
        let mut seen = self.children(node).iter().copied().filter(
            |child| !matches!(&self.nodes[*child], Node::Text(text) if text.trim().is_empty()),
        );
        let only = seen.next().filter(|child| !self.name(*child).is_empty());
        only.filter(|_| seen.next().is_none())
    }

    pub fn any_below(&self, node: usize, is: fn(&str) -> bool) -> bool {
        self.children(node).iter().any(|child| is(self.name(*child)) || self.any_below(*child, is))
    }

    pub fn print(&self, node: usize) -> String {
        self.print_as(node, self.name(node))
    }

    pub fn print_as(&self, node: usize, name: &str) -> String {
        let mut out = String::new();
        self.write(node, name, Content::Html, &mut out);
        out
    }

    fn write(&self, node: usize, name: &str, content: Content, out: &mut String) {
        let (attributes, children) = match &self.nodes[node] {
            Node::Text(text) => return out.push_str(&escape(text)),
            Node::Comment => return out.push_str("<!---->"),
            Node::Element { attributes, children, .. } => (attributes, children),
        };
        let inside = match name {
            "svg" | "math" => Content::Foreign,
            _ => content,
        };
        // ammonia 4.2 takes unknown names for SVG's or MathML's and drops them with their
        // content; Plane's older one keeps the content.
        let known = matches!(inside, Content::Html) && shapes_the_parse(name);
        if known {
            out.push('<');
            out.push_str(name);
            for (key, value) in attributes {
                out.push_str(&format!(
                    " {key}=\"{}\"",
                    escape(&attribute(key, value)).replace('"', "&quot;")
                ));
            }
            out.push('>');
        }
        if is_void(name) {
            return;
        }
        for child in children {
            self.write(*child, self.name(*child), inside, out);
        }
        // libxml2's printer leaves out the end tag of an empty item.
        if known && !(name == "li" && children.is_empty()) {
            out.push_str(&format!("</{name}>"));
        }
    }
}

#[derive(Clone, Copy)]
enum Content {
    Html,
    Foreign,
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Addresses are percent-encoded, but only what no address may hold; flags lose their value.
fn attribute(name: &str, value: &str) -> String {
    match name {
        "href" | "src" => {
            let mut out = String::with_capacity(value.len());
            for byte in value.trim_start_matches([' ', '\t', '\n', '\r']).bytes() {
                match byte {
                    0x21..=0x7e => out.push(char::from(byte)),
                    _ => out.push_str(&format!("%{byte:02X}")),
                }
            }
            out
        }
        "checked" => String::new(),
        _ => value.into(),
    }
}
