//! libxml2's knowledge of HTML 4: which elements end which.

/// Elements without content, as HTML 4 knows them: `wbr` and `source` have some.
pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "basefont"
            | "br"
            | "col"
            | "frame"
            | "hr"
            | "img"
            | "input"
            | "isindex"
            | "link"
            | "meta"
            | "param"
    )
}

/// What an end tag may close on its way: nothing of a higher rank than its own element.
pub(super) fn rank(name: &str) -> u8 {
    match name {
        "div" => 150,
        "td" | "th" => 160,
        "tr" => 170,
        "thead" | "tbody" | "tfoot" => 180,
        "table" => 190,
        "head" | "body" => 200,
        "html" => 220,
        _ => 100,
    }
}

/// Whether `next` closes the open element `current`.
pub(super) fn closes(current: &str, next: &str) -> bool {
    let heading = |name: &str| matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
    match current {
        "a" => matches!(next, "a" | "fieldset" | "table" | "td" | "th"),
        "address" => matches!(next, "dd" | "dl" | "dt" | "form" | "li" | "ul"),
        "b" => matches!(next, "center" | "p" | "td" | "th"),
        "big" | "s" | "small" | "strike" | "tt" => next == "p",
        "u" => matches!(next, "p" | "td" | "th"),
        "i" => next == "center",
        "font" => matches!(next, "center" | "td" | "th"),
        "span" => matches!(next, "td" | "th"),
        "caption" | "col" => {
            matches!(next, "col" | "colgroup" | "tbody" | "tfoot" | "thead" | "tr")
        }
        "colgroup" => matches!(next, "colgroup" | "tbody" | "tfoot" | "thead" | "tr"),
        "dd" => next == "dt",
        "dt" => matches!(next, "dd" | "dl"),
        "dir" | "menu" => matches!(next, "dd" | "dl" | "dt" | "form" | "ul"),
        "dl" => matches!(next, "form" | "li"),
        "form" | "hr" | "ol" => next == "form",
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
            matches!(next, "fieldset" | "form" | "li" | "p" | "table")
        }
        "head" => {
            !matches!(
                next,
                "script"
                    | "style"
                    | "meta"
                    | "link"
                    | "title"
                    | "base"
                    | "html"
                    | "head"
                    | "noscript"
            ) && shapes_the_parse(next)
        }
        "li" => next == "li",
        "legend" => next == "fieldset",
        "option" => matches!(next, "optgroup" | "option"),
        "p" => {
            heading(next)
                || matches!(
                    next,
                    "address"
                        | "blockquote"
                        | "body"
                        | "caption"
                        | "center"
                        | "col"
                        | "colgroup"
                        | "dd"
                        | "dir"
                        | "div"
                        | "dl"
                        | "dt"
                        | "fieldset"
                        | "form"
                        | "frameset"
                        | "head"
                        | "hr"
                        | "li"
                        | "listing"
                        | "menu"
                        | "multicol"
                        | "ol"
                        | "p"
                        | "pre"
                        | "table"
                        | "tbody"
                        | "td"
                        | "tfoot"
                        | "th"
                        | "title"
                        | "tr"
                        | "ul"
                        | "xmp"
                )
        }
        "pre" | "listing" | "xmp" => {
            matches!(next, "dd" | "dl" | "dt" | "fieldset" | "form" | "li" | "table" | "ul")
        }
        "tbody" => matches!(next, "tbody" | "tfoot"),
        "td" | "th" => matches!(next, "tbody" | "td" | "tfoot" | "th" | "tr"),
        "tfoot" => next == "tbody",
        "thead" => matches!(next, "tbody" | "tfoot"),
        "title" => matches!(next, "body" | "frameset"),
        "tr" => matches!(next, "tbody" | "tfoot" | "tr"),
        "ul" => matches!(next, "address" | "form" | "menu" | "pre"),
        _ => false,
    }
}

/// HTML's own elements; all others only stand for their content.
pub(super) fn shapes_the_parse(name: &str) -> bool {
    const NAMES: &str = " a abbr acronym address applet area article aside audio b base basefont \
        bdi bdo bgsound big blink blockquote body br button canvas caption center cite code col \
        colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset \
        figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr \
        html i iframe image-component img input ins kbd keygen label legend li link listing main \
        map mark marquee mention-component menu meta meter nav nobr noembed noframes noscript \
        object ol optgroup option output p param picture plaintext pre progress q rb rp rt rtc \
        ruby s samp script search section select slot small source span strike strong style sub \
        summary sup table tbody td template textarea tfoot th thead time title tr track tt u ul \
        var video wbr xmp ";
    NAMES.split(' ').any(|known| !known.is_empty() && known == name)
}
