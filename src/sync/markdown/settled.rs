//! The form of HTML in which Plane leaves it alone.
//!
//! Plane parses twice, first with libxml2's HTML 4 rules, then with HTML 5's. What both read the
//! same way comes back as it was sent. So: what libxml2 would tear apart (a paragraph in bold, a
//! list in a heading) is taken apart here, with nothing lost; addresses are percent-encoded; an
//! empty list item, whose end tag libxml2 does not print, holds what follows it. Cleaning and
//! settling are repeated until nothing changes.

use super::clean::cleaned;
use super::tokens::{Token, Tokens, is_void, top_level};

mod attributes;

/// Elements within elements; what is deeper keeps its text and loses its tags. libxml2 stops
/// reading at 256.
const MAX_OPEN: usize = 200;

/// Passes until a text rests; two are usual.
const MAX_PASSES: usize = 8;

/// Clean HTML, without white space at its ends, that Plane stores as it is when one `<div>` is
/// around it; `None` if it comes to no rest.
pub(super) fn settled(html: &str) -> Option<String> {
    let mut last = html.to_owned();
    for _ in 0..MAX_PASSES {
        let root = parsed(&cleaned(&last));
        let mut next = String::with_capacity(last.len());
        for node in settle_children("div", root.children) {
            node.print(&mut next);
        }
        let next = next.trim();
        if next == last {
            return Some(last);
        }
        next.clone_into(&mut last);
    }
    None
}

/// As many of the first blocks of settled HTML as fit into `room` bytes.
pub(super) fn leading_blocks(html: &str, room: usize) -> &str {
    let mut end = 0;
    for block in top_level(html) {
        if end + block.len() > room {
            break;
        }
        end += block.len();
    }
    &html[..end]
}

#[derive(Clone)]
enum Node {
    /// As printed: escaped.
    Text(String),
    Element(Element),
}

#[derive(Clone)]
struct Element {
    name: String,
    /// Values as they are meant: not escaped.
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
}

impl Node {
    fn name(&self) -> &str {
        match self {
            Self::Text(_) => "",
            Self::Element(element) => &element.name,
        }
    }

    fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }

    fn print(&self, out: &mut String) {
        let element = match self {
            Self::Text(text) => return out.push_str(text),
            Self::Element(element) => element,
        };
        out.push('<');
        out.push_str(&element.name);
        for (name, value) in &element.attributes {
            out.push_str(&format!(" {name}=\"{}\"", attributes::printed(value)));
        }
        out.push('>');
        if is_void(&element.name) {
            return;
        }
        for child in &element.children {
            child.print(out);
        }
        out.push_str(&format!("</{}>", element.name));
    }
}

fn parsed(html: &str) -> Element {
    let new = |name: &str, attributes| Element { name: name.into(), attributes, children: vec![] };
    let mut open = vec![new("div", Vec::new())];
    let mut too_deep = 0_usize;
    for token in Tokens(html) {
        let closed = match token {
            Token::Text(text) => Some(Node::Text(text.into())),
            Token::Open { name, source } => {
                let element = new(name, attributes::kept(name, source));
                if is_void(name) {
                    Some(Node::Element(element))
                } else if open.len() >= MAX_OPEN {
                    too_deep += 1;
                    None
                } else {
                    open.push(element);
                    None
                }
            }
            Token::Close { .. } if too_deep > 0 => {
                too_deep -= 1;
                None
            }
            Token::Close { .. } if open.len() > 1 => open.pop().map(Node::Element),
            Token::Close { .. } => None,
        };
        if let (Some(node), Some(parent)) = (closed, open.last_mut()) {
            parent.children.push(node);
        }
    }
    // The printer that wrote this closes everything, so one is left.
    open.swap_remove(0)
}

/// The children of a `parent` as they can stay there.
fn settle_children(parent: &str, children: Vec<Node>) -> Vec<Node> {
    let mut settled = Vec::with_capacity(children.len());
    for child in children {
        match child {
            Node::Text(_) => settled.push(child),
            Node::Element(element) => settled.extend(settle(parent, element)),
        }
    }
    if matches!(parent, "ol" | "ul") { fill_empty_items(settled) } else { settled }
}

fn settle(parent: &str, mut element: Element) -> Vec<Node> {
    element.children = settle_children(&element.name, element.children);
    match &*element.name {
        // An item outside of a list.
        "li" if !matches!(parent, "ol" | "ul") => return element.children,
        // What is left of a stray end tag.
        "p" if element.children.is_empty() => return Vec::new(),
        // A newline behind the tag is not read as content.
        "pre" => {
            if let Some(Node::Text(text)) = element.children.first_mut() {
                text.drain(..text.len() - text.trim_start_matches('\n').len());
            }
        }
        _ => {}
    }
    taken_apart(element)
}

/// Splits an element around the children that would end it.
fn taken_apart(mut element: Element) -> Vec<Node> {
    if !element.children.iter().any(|child| ends(child.name(), &element.name)) {
        return vec![Node::Element(element)];
    }
    let mut out = Vec::new();
    let mut run = Vec::new();
    let children = std::mem::take(&mut element.children);
    for child in children {
        match child {
            Node::Element(mut inner) if ends(&inner.name, &element.name) => {
                out.extend(around(&element, std::mem::take(&mut run)));
                if is_formatting(&element.name) && inner.name != "table" {
                    inner.children = around(&element, inner.children);
                }
                out.push(Node::Element(inner));
            }
            other => run.push(other),
        }
    }
    out.extend(around(&element, run));
    out
}

/// Nodes in a copy of `element`; white space needs none.
fn around(element: &Element, children: Vec<Node>) -> Vec<Node> {
    if children.iter().all(Node::is_blank) {
        return children;
    }
    taken_apart(Element { children, ..element.clone() })
}

/// Whether libxml2 closes an open `parent` when a `child` begins.
fn ends(child: &str, parent: &str) -> bool {
    match parent {
        "a" => child == "table",
        "b" => matches!(child, "center" | "p"),
        "s" | "small" | "tt" | "u" => child == "p",
        "i" => child == "center",
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => matches!(child, "p" | "table"),
        "pre" => matches!(child, "dd" | "dl" | "dt" | "table" | "ul"),
        "ul" => child == "pre",
        "dt" => child == "dl",
        _ => false,
    }
}

fn is_formatting(name: &str) -> bool {
    matches!(name, "b" | "i" | "s" | "small" | "tt" | "u")
}

/// Moves what follows an empty item into it.
fn fill_empty_items(children: Vec<Node>) -> Vec<Node> {
    let mut filled: Vec<Node> = Vec::with_capacity(children.len());
    let mut filling = false;
    for child in children {
        match (filled.last_mut(), &child) {
            (Some(Node::Element(item)), other) if filling && other.name() != "li" => {
                item.children.push(child);
            }
            _ => {
                filling =
                    matches!(&child, Node::Element(e) if e.name == "li" && e.children.is_empty());
                filled.push(child);
            }
        }
    }
    filled
}
