UPDATE issue_links SET github_parent_id = 4001 WHERE github_issue_id = (SELECT min(github_issue_id) FROM issue_links);
