-- Agents that lost their state get nothing forward until a person has looked (agent.status is 1
-- then; 2 is one that was enrolled anew and has not come back yet).

ALTER TABLE agent ADD COLUMN suspended_us BIGINT NOT NULL DEFAULT 0; -- since when; 0: it is not
ALTER TABLE agent ADD COLUMN suspended_why TEXT NOT NULL DEFAULT '';
