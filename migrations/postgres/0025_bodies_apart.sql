-- Bodies lie apart from their rows again, in the table that PostgreSQL keeps for long values: the end of
-- a delivery rewrites its row, and wrote its body once more with it. Measured on this version, an insert
-- costs the same either way. What is there stays where it is until it is written again.

ALTER TABLE ops.plane_webhook_deliveries ALTER COLUMN body SET STORAGE EXTENDED;
ALTER TABLE ops.plane_webhook_deliveries RESET (toast_tuple_target);
ALTER TABLE ops.github_webhook_events ALTER COLUMN body SET STORAGE EXTENDED;
ALTER TABLE ops.github_webhook_events RESET (toast_tuple_target);
