//! Attributes: which stay beyond the list of names, and how they are written.
//!
//! Plane passes `style` and `class` on unchecked, so only what a rendering needs gets through:
//! alignment, the language of code, alerts, footnotes.

/// The attributes of a printed tag that stay, values decoded.
pub(super) fn kept(element: &str, tag: &str) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = Vec::new();
    let mut rest = tag;
    while let Some(equals) = rest.find("=\"") {
        let name = rest[..equals].rsplit(' ').next().unwrap_or_default();
        let value = &rest[equals + 2..];
        let Some(end) = value.find('"') else { break };
        if let Some((name, value)) = checked(element, name, &decoded(&value[..end]))
            && kept.iter().all(|(other, _)| *other != name)
        {
            kept.push((name, value));
        }
        rest = &value[end + 1..];
    }
    kept
}

/// A value between double quotes as Plane's printer writes it: `<` and `>` stay.
pub(super) fn printed(value: &str) -> String {
    value.replace('&', "&amp;").replace('"', "&quot;").replace('\u{a0}', "&nbsp;")
}

fn decoded(value: &str) -> String {
    value
        .replace("&nbsp;", "\u{a0}")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn checked(element: &str, name: &str, value: &str) -> Option<(String, String)> {
    let keep = |value: String| Some((name.to_owned(), value));
    match name {
        "href" | "src" => keep(percent_encoded(value)),
        "align" => aligned(element, value),
        "style" => {
            aligned(element, value.trim().strip_prefix("text-align:")?.trim_end_matches(';'))
        }
        "class" => {
            let known = |class: &&str| {
                ["footnote-", "language-", "markdown-alert"].iter().any(|p| class.starts_with(p))
            };
            let classes: Vec<&str> = value.split_ascii_whitespace().filter(known).collect();
            if classes.is_empty() { None } else { keep(classes.join(" ")) }
        }
        "id" => {
            ["fn-", "fnref-"].iter().any(|p| value.starts_with(p)).then(|| keep(value.into()))?
        }
        "height" | "width" => {
            let number = value.trim_end_matches("px").trim_end_matches('%');
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| keep(value.into()))?
        }
        "type" => keep("checkbox".into()),
        "checked" => keep(String::new()),
        _ => keep(value.into()),
    }
}

/// Alignment as the one style that is passed on, where it is about text.
fn aligned(element: &str, side: &str) -> Option<(String, String)> {
    let text =
        matches!(element, "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "p" | "td" | "th");
    let side = side.trim().to_ascii_lowercase();
    let known = matches!(&*side, "center" | "justify" | "left" | "right");
    (text && known).then(|| ("style".to_owned(), format!("text-align:{side}")))
}

/// Encodes what no address may hold, as libxml2 does when it prints one.
fn percent_encoded(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for byte in address.trim_start_matches([' ', '\t', '\n', '\r']).bytes() {
        match byte {
            0x21..=0x7e => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
