//! What people write: titles, Markdown of all kinds, comments. Believable, and no stranger to the
//! texts that go wrong elsewhere: code, tables, task lists, quotes, other scripts, emoji, angle
//! brackets.

/// An issue that somebody may open.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// The title.
    pub title: &'static str,
    /// The Markdown; its first paragraph is plain words.
    pub body: &'static str,
    /// One of the labels.
    pub label: &'static str,
}

const fn story(title: &'static str, label: &'static str, body: &'static str) -> Story {
    Story { title, body, label }
}

/// All of them.
pub const STORIES: [Story; 34] = [
    story(
        "Login fails when the password holds an emoji",
        "bug",
        "Signing in with a password such as `🔑🚀` answers 500 instead of 401.\n\n```rust\nlet bytes: Vec<u8> = password.chars().map(|c| c as u8).collect();\n```\n\nThat cast cuts every character above `U+00FF`. Steps:\n\n1. Sign up with an emoji in the password\n2. Sign out, sign in\n3. See the error page",
    ),
    story(
        "Cursor pagination skips a row under load",
        "bug",
        "Two rows with the same `created_at` at the edge of a page: the second one is never listed.\n\n| page size | rows | listed |\n|---:|---:|---:|\n| 50 | 1000 | 1000 |\n| 20 | 1000 | **998** |\n\nThe cursor needs the id as a tie-breaker.",
    ),
    story(
        "Dark mode: borders of inputs are hard to see",
        "a11y",
        "The contrast of text fields is 1.6:1 on the settings page.\n\n- [x] measure all tokens\n- [ ] change `--edge`\n- [ ] check the date picker\n- [ ] screenshots, light and dark",
    ),
    story(
        "Export to CSV breaks on quotes",
        "bug",
        "A title such as `Fix \"smart\" quotes, again` splits into two columns.\n\n> Fields containing line breaks, double quotes, and commas should be enclosed in double quotes.\n\nRFC 4180 says how.",
    ),
    story(
        "Rate limit headers are missing on 304",
        "enhancement",
        "Clients that poll with `If-None-Match` never learn what is left of their quota.\n\n```http\nHTTP/1.1 304 Not Modified\nETag: W/\"6f1d\"\n```\n\nExpected: `X-RateLimit-Remaining`, as with 200.",
    ),
    story(
        "検索で全角文字が見つからない",
        "bug",
        "「ＡＰＩ」で検索しても「API」の項目が出てきません。\n\n- [ ] 正規化（NFKC）\n- [ ] 半角カナ\n- [ ] テスト\n\n再現：設定 → 検索 → `ＡＰＩ`",
    ),
    story(
        "واجهة الإعدادات لا تنعكس في الوضع العربي",
        "a11y",
        "القائمة الجانبية تبقى على اليسار عند اختيار العربية.\n\nالسبب هو `margin-left` بدلاً من `margin-inline-start` في الملف `settings.css`.",
    ),
    story(
        "Speed up the first paint of the dashboard",
        "performance",
        "The first paint waits for three requests one after the other.\n\n| step | ms |\n|---|---:|\n| html | 80 |\n| session | 120 |\n| widgets | 640 |\n\nWidgets can be loaded while the session is checked. 🐢 → 🐇",
    ),
    story(
        "Rotate signing keys without a restart",
        "security",
        "A new key only counts after a restart, which ends every open stream.\n\n- [ ] accept a list of keys\n- [ ] sign with the first\n- [ ] tell the age of each on the status page",
    ),
    story(
        "Typo in the quick start",
        "docs",
        "It says `npm run biuld` in the second step.\n\nWhoever pastes it gets `missing script: biuld`.",
    ),
    story(
        "Vec<Option<T>> is shown as Vec<Option> in the reference",
        "docs",
        "The generator takes `<T>` for a tag and drops it.\n\n```text\nVec<Option<T>>  →  Vec<Option>\n```\n\nAll generic types are hit, `HashMap<K, V>` too.",
    ),
    story(
        "Uploading the same file twice makes two attachments",
        "enhancement",
        "The second upload could find the first one by its hash.\n\n~~We could compare names.~~ Names are no help: everything is called `image.png`.",
    ),
    story(
        "Session is lost behind a proxy with a path prefix",
        "bug",
        "The cookie's path is always `/`, so another app on the same host overwrites it.\n\nSeen with nginx:\n\n```nginx\nlocation /octo/ {\n  proxy_pass http://127.0.0.1:8080/;\n}\n```",
    ),
    story(
        "Ünïcode and emoji 🎉 in project names",
        "bug",
        "Slugs of such names are empty, so the project can't be opened.\n\n| name | slug |\n|---|---|\n| Café | `caf` |\n| 🎉 | (nothing) |\n| Ünïcode | `ncode` |",
    ),
    story(
        "Webhook deliveries should say which attempt it is",
        "enhancement",
        "A receiver can't tell a retry from a new event.\n\nA header would do: `X-Octo-Attempt: 2`.",
    ),
    story(
        "Keyboard focus vanishes after closing a dialog",
        "a11y",
        "Focus should go back to the button that opened it.\n\n- [x] menu\n- [x] side panel\n- [ ] dialog\n- [ ] command palette",
    ),
    story(
        "Upgrade to Postgres 18",
        "enhancement",
        "Everything is green on 17; 18 brings faster `UPDATE … RETURNING`.\n\n1. staging\n2. measure a week\n3. production, one replica at a time",
    ),
    story(
        "Memory grows while a large import runs",
        "performance",
        "Importing 200,000 rows takes 1.4 GB, since all rows are read before the first one is written.\n\n```text\nrss  120 MB … 1.4 GB … 130 MB\n```\n\nReading in chunks of 500 would do.",
    ),
    story(
        "Explain how releases are made",
        "docs",
        "New people ask the same three questions every month.\n\n- Who may tag?\n- What happens to the changelog?\n- How is a release taken back?",
    ),
    story(
        "Timezone of due dates is off by one day",
        "bug",
        "A due date set in Auckland shows as the day before in Lisbon.\n\nA day is no moment: it must not be stored as midnight UTC.",
    ),
    story(
        "Let people mute a thread",
        "enhancement",
        "Some threads are loud, and unsubscribing from all mail is too much.\n\nA bell with a line through it, next to the title. 🔕",
    ),
    story(
        "Links in notifications open the wrong workspace",
        "bug",
        "With two workspaces open the link goes to whichever was used last.\n\nThe link lacks the workspace's slug.",
    ),
    story(
        "Reject tokens in query strings",
        "security",
        "`?access_token=…` ends in logs, in referrers and in the history of browsers.\n\n- [ ] answer 400 with a hint\n- [ ] announce it one release earlier",
    ),
    story(
        "Tooltips cover the button that they explain",
        "bug",
        "On narrow screens the tooltip of *Archive* lies on top of it, so that it can't be tapped.",
    ),
    story(
        "Add a glossary to the handbook",
        "docs",
        "Words that mean something else here than elsewhere:\n\n| word | here |\n|---|---|\n| cycle | two weeks |\n| done | deployed, not merged |\n| soon | not this cycle |",
    ),
    story(
        "Cache headers for avatars",
        "performance",
        "Every page asks for 40 avatars again.\n\n`Cache-Control: public, max-age=86400, immutable` would save 300 requests a visit.",
    ),
    story(
        "Search should find parts of words",
        "enhancement",
        "Looking for *bridge* does not find *jetbridge*.\n\nTrigrams are fast enough: 12 ms on 80,000 items.",
    ),
    story(
        "Drag and drop does not work on touch screens",
        "bug",
        "Dragging a card scrolls the page instead.\n\nTested on two phones and a tablet, `touch-action` is not set anywhere.",
    ),
    story(
        "Health check answers 200 while the database is down",
        "bug",
        "The balancer keeps sending people to a process that can't serve them.\n\n```sh\n$ curl -s -o /dev/null -w '%{http_code}' localhost:8080/health\n200\n```",
    ),
    story(
        "Mention the license of fonts",
        "docs",
        "We ship two fonts and name neither of them.\n\nBoth are under the OFL, which wants to be told.",
    ),
    story(
        "Print view of an invoice cuts the last line",
        "bug",
        "The total is on a page of its own, without its border.\n\n`break-inside: avoid` on the table's foot helps in two of three browsers.",
    ),
    story(
        "Warn before leaving an unsaved form",
        "enhancement",
        "Half an hour of typing is gone with one wrong click.\n\nA draft in the browser's storage would be better than a question.",
    ),
    story(
        "Sort labels by name, not by age",
        "good first issue",
        "The list grows at its end, and nobody finds anything.\n\nA good one to begin with: one line and a test.",
    ),
    story(
        "Retry the nightly backup when the disk is busy",
        "enhancement",
        "One busy minute at 03:00, and there is no backup that day.\n\nThree tries with ten minutes in between would have saved last week's.",
    ),
];

/// Comments.
pub const COMMENTS: [&str; 18] = [
    "I can reproduce this on `main`.",
    "Same here, with Firefox 128 on Debian.",
    "Would a feature flag help until it is done?",
    "Found it: the lock is taken twice.\n\n```rust\nlet _first = state.lock();\nlet _second = state.lock(); // waits for ever\n```",
    "| before | after |\n|---:|---:|\n| 480 ms | 35 ms |\n\nGood enough? 🚀",
    "> Would a feature flag help?\n\nNo, it has to be right from the start.",
    "- [x] staging\n- [ ] production",
    "ありがとうございます！手元でも確認できました。",
    "شكراً، سأراجع ذلك غداً.",
    "Blocked by the upgrade, see above.",
    "Let's not forget the `a < b && c > d` case.",
    "👍 from the support team: three customers asked this week.",
    "I'd take this one if nobody minds.",
    "Moved to the next cycle, sorry.",
    "**Decision:** we do it the simple way and measure.",
    "Could somebody attach a log? `JETBRIDGE_LOG=debug` shows more.",
    "Works for me since yesterday's deploy. Can you try again?",
    "Please keep the old name as an alias for one release.",
];

/// Paragraphs that somebody adds to a text.
pub const ADDITIONS: [&str; 8] = [
    "**Update:** it happens on staging, too.",
    "Not urgent, but it comes up every week.",
    "- [ ] write a test first\n- [ ] then mend it",
    "```text\nexpected 3, found 2\n```",
    "Related: the thread of last Tuesday.",
    "Also seen by 由紀 on a tablet. 📱",
    "| browser | broken |\n|---|:-:|\n| Firefox | yes |\n| Chromium | no |",
    "_Edited to be clearer; thanks for asking._",
];

/// Other words for the beginning of a text, written at GitHub and in Plane at the same time.
pub const REWORDINGS: [(&str, &str); 4] = [
    (
        "In short: it fails every time, not only sometimes.",
        "In short: it fails about once in ten tries.",
    ),
    (
        "This is what customers see first, so it goes before everything else.",
        "Only two customers see this; it can wait for the next cycle.",
    ),
    (
        "The cause is known by now, see the last comment.",
        "The cause is not known yet, help is welcome.",
    ),
    ("We agreed to mend this in the server.", "We agreed to mend this in the client."),
];

/// What comes in front of a title that is made clearer.
pub const PREFIXES: [&str; 4] = ["[regression] ", "URGENT: ", "Again: ", "[needs design] "];

/// Titles of items that people write in Plane, with their text in Plane's HTML.
pub const PLANE_ITEMS: [(&str, &str); 6] = [
    ("Plan the next cycle", "<p>Who takes what, and what stays behind.</p>"),
    ("Interview two customers", "<p>Ask how they export their data today.</p>"),
    ("Order a wall screen for the board", "<p>At least <strong>55 inches</strong>.</p>"),
    ("Retrospective notes", "<p>What went well, what did not, what we try next.</p>"),
    ("Check the on-call rota", "<p>Two nights in December have nobody.</p>"),
    ("Draft the announcement", "<p>Short, and with a picture.</p>"),
];

/// Comments that people write in Plane, in its HTML.
pub const PLANE_COMMENTS: [&str; 5] = [
    "<p>Discussed in the daily: we start today.</p>",
    "<p>Waiting for the design.</p>",
    "<p>Two points, not five.</p>",
    "<p>明日確認します。</p>",
    "<p>Who reviews this?</p>",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::cast::LABELS;

    #[test]
    fn every_story_has_its_own_title_and_a_known_label() {
        let titles: BTreeSet<_> = STORIES.iter().map(|story| story.title).collect();
        assert_eq!(titles.len(), STORIES.len());
        for story in STORIES {
            assert!(LABELS.iter().any(|(name, _)| *name == story.label), "{}", story.label);
        }
    }
}
