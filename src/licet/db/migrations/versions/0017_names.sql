-- Before the new code is out. Plain names: of the reason for which an operator disabled an endpoint, and of jobs.
ALTER TABLE webhook_endpoints DROP CONSTRAINT webhook_endpoints_disabled_because_check;
UPDATE webhook_endpoints SET disabled_because = 'operator' WHERE disabled_because = 'asked';
ALTER TABLE webhook_endpoints ADD CONSTRAINT webhook_endpoints_disabled_because_check
    CHECK (disabled_because IN ('operator', 'failing', 'gone'));
-- A job is a hint: due rows make it again under its new name.
DELETE FROM pgqueuer WHERE entrypoint IN
    ('undo_second_plan', 'set_end_again', 'license_turned', 'forget_answers', 'mail_send', 'deliver', 'end_subscription');
