-- A rule put the item into its project, and rules say another one since.
UPDATE issue_links SET placed_by = 'mobile', wanted_project = 'project-2';
