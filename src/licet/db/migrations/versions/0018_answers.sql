-- Before the new code is out. The applied events with a reason: those whose object is read from Stripe are among them.
-- They are few, and found by their object when Stripe answers that it has no such object.
CREATE INDEX events_read ON events (stripe_object_id) WHERE outcome = 'applied' AND reason IS NOT NULL;
