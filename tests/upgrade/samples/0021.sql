-- A rule put the item into its project, and rules say another one since.
UPDATE issue_links SET placed_by = 'mobile', wanted_project = 'project-2';
UPDATE repository_syncs SET plane_workspace = 'acme';
UPDATE issue_links SET plane_workspace = 'acme';
