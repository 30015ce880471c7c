//! How GitHub writes its things in JSON: the same shapes in REST answers and in webhooks.
//!
//! Every key that recorded payloads have is here, most of them with the value that a small,
//! quiet repository has; a test compares the key sets.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::Instance;
use super::state::{Comment, Issue, Label, Milestone, Repository, Review, User};
use crate::clock::Timestamp;

/// Addresses of a repository's parts below its own, as `key` and what follows.
const REPOSITORY_URLS: [(&str, &str); 37] = [
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
    ("url", ""),
];

/// The same for a user.
const USER_URLS: [(&str, &str); 10] = [
    ("url", ""),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
];

/// A time as GitHub writes it: whole seconds.
pub(super) fn time(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An object with a few more keys.
pub(super) fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn addresses(base: &str, parts: &[(&str, &str)]) -> Value {
    let address = |(key, rest): &(&str, &str)| ((*key).to_owned(), json!(format!("{base}{rest}")));
    Value::Object(parts.iter().map(address).collect::<Map<_, _>>())
}

/// An account.
pub(super) fn user(at: &Instance, user: &User) -> Value {
    let base = format!("{}/users/{}", at.api, user.login);
    with(
        addresses(&base, &USER_URLS),
        json!({
            "login": user.login,
            "id": user.id,
            "node_id": format!("U_{}", user.id),
            "avatar_url": format!("{}/avatars/u/{}", at.api, user.id),
            "gravatar_id": "",
            "html_url": format!("{}/{}", at.web, user.login),
            "type": user.kind,
            "site_admin": false,
        }),
    )
}

/// A repository.
pub(super) fn repository(at: &Instance, r: &Repository) -> Value {
    let full_name = r.full_name();
    let html_url = format!("{}/{full_name}", at.web);
    let bare = html_url.split_once("://").map_or(html_url.as_str(), |(_, rest)| rest);
    let open = r.issues().filter(|i| i.closed.is_none()).count();
    with(
        addresses(&format!("{}/repos/{full_name}", at.api), &REPOSITORY_URLS),
        json!({
            "id": r.id,
            "node_id": format!("R_{}", r.id),
            "name": r.name,
            "full_name": full_name,
            "private": false,
            "owner": user(at, &r.owner),
            "html_url": html_url,
            "description": null,
            "fork": false,
            "created_at": time(r.created_at),
            "updated_at": time(r.updated_at),
            "pushed_at": time(r.created_at),
            "git_url": format!("git://{bare}.git"),
            "ssh_url": format!("git@{}.git", bare.replacen('/', ":", 1)),
            "clone_url": format!("{html_url}.git"),
            "svn_url": html_url,
            "homepage": null,
            "size": 0, "stargazers_count": 0, "watchers_count": 0,
            "language": null,
            "has_issues": !r.issues_off, "has_projects": true, "has_downloads": true,
            "has_wiki": true, "has_pages": false,
            "forks_count": 0,
            "mirror_url": null,
            "archived": false, "disabled": false,
            "open_issues_count": open,
            "license": null,
            "forks": 0, "open_issues": open, "watchers": 0,
            "default_branch": "main",
            "is_template": false,
            "topics": [],
            "visibility": "public",
            "web_commit_signoff_required": false,
            "custom_properties": {},
        }),
    )
}

/// A label.
pub(super) fn label(at: &Instance, repository: &Repository, label: &Label) -> Value {
    json!({
        "id": label.id,
        "node_id": format!("LA_{}", label.id),
        "url": format!("{}/repos/{}/labels/{}", at.api, repository.full_name(), label.name),
        "name": label.name,
        "color": label.color,
        "default": false,
        "description": label.description,
    })
}

/// A milestone.
pub(super) fn milestone(at: &Instance, repository: &Repository, milestone: &Milestone) -> Value {
    let full_name = repository.full_name();
    let url = format!("{}/repos/{full_name}/milestones/{}", at.api, milestone.number);
    let inside = || repository.issues().filter(|i| i.milestone == Some(milestone.number));
    json!({
        "url": url,
        "html_url": format!("{}/{full_name}/milestone/{}", at.web, milestone.number),
        "labels_url": format!("{url}/labels"),
        "id": milestone.id,
        "node_id": format!("MI_{}", milestone.id),
        "number": milestone.number,
        "title": milestone.title,
        "description": milestone.description,
        "creator": user(at, &milestone.creator),
        "open_issues": inside().filter(|i| i.closed.is_none()).count(),
        "closed_issues": inside().filter(|i| i.closed.is_some()).count(),
        "state": if milestone.closed_at.is_some() { "closed" } else { "open" },
        "created_at": time(milestone.created_at),
        "updated_at": time(milestone.updated_at),
        "due_on": milestone.due_on.map(time),
        "closed_at": milestone.closed_at.map(time),
    })
}

fn association(repository: &Repository, author: &User) -> &'static str {
    if author.id == repository.owner.id { "OWNER" } else { "CONTRIBUTOR" }
}

/// What issues and pull requests have in common.
fn thread(at: &Instance, repository: &Repository, issue: &Issue) -> Value {
    let people: Vec<Value> = issue.assignees.iter().map(|a| user(at, a)).collect();
    json!({
        "number": issue.number,
        "title": issue.title,
        "user": user(at, &issue.author),
        "labels": issue.labels.iter().map(|l| label(at, repository, l)).collect::<Vec<_>>(),
        "state": issue.state(),
        "locked": false,
        "assignee": people.first(),
        "assignees": people,
        "milestone": issue
            .milestone
            .and_then(|number| repository.milestone(number).ok())
            .map(|found| milestone(at, repository, found)),
        "comments": issue.comments.len(),
        "created_at": time(issue.created_at),
        "updated_at": time(issue.updated_at),
        "closed_at": issue.closed.as_ref().map(|c| time(c.at)),
        "author_association": association(repository, &issue.author),
        "active_lock_reason": null,
        "body": issue.body,
    })
}

/// An issue, or a pull request's issue half.
pub(super) fn issue(at: &Instance, repository: &Repository, issue: &Issue) -> Value {
    let base = format!("{}/repos/{}", at.api, repository.full_name());
    let url = format!("{base}/issues/{}", issue.number);
    let html_url = html_url(at, repository, issue);
    let mut value = with(
        thread(at, repository, issue),
        json!({
            "url": url,
            "repository_url": base,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "timeline_url": format!("{url}/timeline"),
            "html_url": html_url,
            "id": issue.id,
            "node_id": format!("I_{}", issue.id),
            "draft": issue.pull.as_ref().is_some_and(|pull| pull.draft),
            "state_reason": issue.state_reason(),
            "performed_via_github_app": null,
            "reactions": reactions(&url),
        }),
    );
    if let Some(parent) = &issue.parent {
        let url = format!("{}/repos/{}/issues/{}", at.api, parent.full_name, parent.number);
        value = with(value, json!({ "parent_issue_url": url }));
    }
    if let Some(pull) = &issue.pull {
        let links = json!({"pull_request": {
            "url": format!("{base}/pulls/{}", issue.number),
            "html_url": html_url,
            "diff_url": format!("{html_url}.diff"),
            "patch_url": format!("{html_url}.patch"),
            "merged_at": pull.merged_at.map(time),
        }});
        value = with(value, links);
    }
    value
}

fn reactions(url: &str) -> Value {
    json!({
        "url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0,
        "hooray": 0, "confused": 0, "heart": 0, "rocket": 0, "eyes": 0,
    })
}

/// Where a person opens it.
pub(super) fn html_url(at: &Instance, repository: &Repository, issue: &Issue) -> String {
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    format!("{}/{}/{kind}/{}", at.web, repository.full_name(), issue.number)
}

/// A comment.
pub(super) fn comment(
    at: &Instance,
    repository: &Repository,
    issue: &Issue,
    comment: &Comment,
) -> Value {
    let base = format!("{}/repos/{}/issues", at.api, repository.full_name());
    let url = format!("{base}/comments/{}", comment.id);
    json!({
        "url": url,
        "html_url": format!("{}#issuecomment-{}", html_url(at, repository, issue), comment.id),
        "issue_url": format!("{base}/{}", issue.number),
        "id": comment.id,
        "node_id": format!("IC_{}", comment.id),
        "user": user(at, &comment.author),
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "author_association": association(repository, &comment.author),
        "body": comment.body,
        "reactions": reactions(&url),
        "performed_via_github_app": null,
    })
}

/// A review of a pull request.
pub(super) fn review(
    at: &Instance,
    repository: &Repository,
    issue: &Issue,
    review: &Review,
) -> Value {
    let page = format!("{}#pullrequestreview-{}", html_url(at, repository, issue), review.id);
    let pull = format!("{}/repos/{}/pulls/{}", at.api, repository.full_name(), issue.number);
    json!({
        "id": review.id,
        "node_id": format!("PRR_{}", review.id),
        "user": user(at, &review.author),
        "body": null,
        "commit_id": issue.pull.as_ref().map(|pull| format!("{:040x}", pull.id)),
        "submitted_at": time(review.submitted_at),
        "state": review.state,
        "html_url": page,
        "pull_request_url": pull,
        "author_association": association(repository, &review.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
    })
}

/// A pull request; `None` for an issue.
pub(super) fn pull_request(at: &Instance, repository: &Repository, issue: &Issue) -> Option<Value> {
    let pull = issue.pull.as_ref()?;
    let base = format!("{}/repos/{}", at.api, repository.full_name());
    let url = format!("{base}/pulls/{}", issue.number);
    let issue_url = format!("{base}/issues/{}", issue.number);
    let page = html_url(at, repository, issue);
    let sha = format!("{:040x}", pull.id);
    let branch = |name: &str| {
        json!({
            "label": format!("{}:{name}", repository.owner.login),
            "ref": name,
            "sha": sha,
            "user": user(at, &repository.owner),
            "repo": self::repository(at, repository),
        })
    };
    let links = [
        ("self", url.clone()),
        ("html", page.clone()),
        ("issue", issue_url.clone()),
        ("comments", format!("{issue_url}/comments")),
        ("review_comments", format!("{url}/comments")),
        ("review_comment", format!("{base}/pulls/comments{{/number}}")),
        ("commits", format!("{url}/commits")),
        ("statuses", format!("{base}/statuses/{sha}")),
    ];
    let links: Map<String, Value> =
        links.into_iter().map(|(key, href)| (key.to_owned(), json!({"href": href}))).collect();
    let merged = pull.merged_at.is_some();
    let more = json!({
        "url": url,
        "id": pull.id,
        "node_id": format!("PR_{}", pull.id),
        "html_url": page,
        "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"),
        "issue_url": issue_url,
        "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{base}/pulls/comments{{/number}}"),
        "comments_url": format!("{issue_url}/comments"),
        "statuses_url": format!("{base}/statuses/{sha}"),
        "merged_at": pull.merged_at.map(time),
        "merge_commit_sha": merged.then(|| sha.clone()),
        "requested_reviewers": pull.asked.iter().map(|asked| user(at, asked)).collect::<Vec<_>>(),
        "requested_teams": [],
        "head": branch(&pull.head),
        "base": branch("main"),
        "_links": links,
        "auto_merge": null,
        "draft": pull.draft,
        "merged": merged,
        "mergeable": null, "rebaseable": null, "mergeable_state": "unknown",
        "merged_by": pull.merged_by.as_ref().map(|u| user(at, u)),
        "review_comments": 0,
        "maintainer_can_modify": false,
        "commits": 1, "additions": 1, "deletions": 1, "changed_files": 1,
    });
    Some(with(thread(at, repository, issue), more))
}
