-- A write that knows for which delivery it was made.
UPDATE write_intents SET source = 'github', delivery_id = 'github-done-1';
