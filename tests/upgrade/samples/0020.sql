INSERT INTO milestone_bundles (milestone_id, plane_project, kind, plane_id, base) VALUES
    (7001, 'project-1', 'module', 'module-1', '{"told":{"name":"v1"},"plane":{"name":"v1"}}');
