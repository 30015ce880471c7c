//! What Plane makes of a description's HTML before it stores it.

/// The HTML has nothing in it that would be shown or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHtml;

/// The form in which a description is stored.
///
/// # Errors
/// When nothing is left of it.
pub fn stored(html: &str) -> Result<String, InvalidHtml> {
    let html = html.trim();
    let shown = html.strip_prefix("<!--").is_none_or(|rest| !rest.ends_with("-->"));
    if html.is_empty() || !shown {
        return Err(InvalidHtml);
    }
    if !html.starts_with('<') {
        return Ok(format!("<span>{html}</span>"));
    }
    // Several elements at the top: the first one's end is not the end.
    let name: String = html[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let close = format!("</{name}>");
    if html.find(&close).is_some_and(|at| at + close.len() < html.len()) {
        return Ok(format!("<div>{html}</div>"));
    }
    Ok(html.to_owned())
}
