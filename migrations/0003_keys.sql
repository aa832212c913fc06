-- A key is published as long as its row has a private part, and signs from this moment until a newer one of its
-- algorithm does.
alter table signing_keys add column signs_from bigint not null default 0;
update signing_keys set signs_from = created_at;

-- Set once it will never sign again: from then on it does not verify either, and its private part is wiped (''). Where
-- trust in it ends before its time it is wiped in the same step, so that no clock can bring it back.
alter table signing_keys add column ended_at bigint;
alter table signing_keys add column ended_why text;
