-- Sessions that go on stood among the ends, too: each login wrote a page for that, and who looked for sessions that had
-- run out looked there, at every one that goes on. New ones first: while they are made, other instances can read.
create index sessions_ended on sessions (ended_at) where ended_at is not null;
-- Says more than the one above, so that it is taken where both would do.
create index sessions_replaced on sessions (ended_why, ended_at) where ended_why = 'surplus';
drop index sessions_by_end;
drop index sessions_surplus;
