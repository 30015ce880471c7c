-- Figures, an alarm that stands, and one that is over.
INSERT INTO figures (bucket, seconds, source, place, event, outcome, lag, count)
VALUES ('2026-11-20T08:00:00.000000Z', 60, 'plane', 'project-1', 'issue', 'done', 3, 1);
INSERT INTO queue_samples (at, waiting, working, dead, oldest_seconds) VALUES ('2026-11-20T08:00:00.000000Z', 1, 0, 1, 2.5);
INSERT INTO alarms (kind, subject, title, detail, remedy, raised_at)
VALUES ('dead', 'plane', 'A job failed for good', 'One.', 'jetbridge deliveries replay', '2026-11-20T08:31:00.000000Z');
INSERT INTO alarms (kind, subject, title, detail, remedy, raised_at, cleared_at)
VALUES ('silence', 'github', 'GitHub is silent', 'Since 08:00.', 'Look at the hook.', '2026-11-20T08:31:00.000000Z', '2026-11-20T08:41:00.000000Z');
