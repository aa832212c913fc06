-- Refresh tokens are told from forgeries without asking the database, so nothing of them is mixed in here any more.
alter table sessions drop column seed;

-- When a token of it was last renewed; kept beside the uses, so that idle sessions are found without reading those.
alter table sessions add column last_seen_at bigint not null default 0;
update sessions set last_seen_at = coalesce(
    (select max(used_at) from refresh_uses where session_id = sessions.id), started_at);

-- When its end was written down, on the database's own clock: the instances' clocks may differ.
alter table sessions add column told_at bigint;
alter table accounts add column version_told_at bigint;

-- Each question that is asked again and again has its index; most sessions have ended and stand in none of the first.
create index sessions_open on sessions (account_id, started_at desc, id) where ended_at is null;
create index sessions_running_out on sessions (expires_at) where ended_at is null;
create index sessions_idle on sessions (last_seen_at) where ended_at is null;
create index sessions_told on sessions (told_at) where told_at is not null;
drop index accounts_by_version;
create index accounts_by_version on accounts (version_at) where version_at is not null;
create index accounts_told on accounts (version_told_at) where version_told_at is not null;
