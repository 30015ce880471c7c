INSERT INTO label_links (github_label_id, plane_project, plane_label_id, standing, link, changed_at) VALUES
    (5001, 'project-1', 'label-1', 'followed',
    '{"plane_label":"label-1","standing":"followed","github":{"name":"bug","color":"#d73a4a"},"plane":{"name":"bug","color":"#d73a4a"},"first":{"name":"bug","color":"#d73a4a"}}',
    '2026-11-20T08:00:00.000000Z');
