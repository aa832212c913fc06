-- Raised when everything an account has out there must end at once: a token says which version it was made under.
alter table accounts add column version bigint not null default 1;
alter table accounts add column version_at bigint;
create index accounts_by_version on accounts (version_at);

-- Set while nobody may sign in with the account.
alter table accounts add column disabled_at bigint;

-- A login, from its start to its end and the reason for it.
create table sessions (
    id               text   not null primary key,
    account_id       text   not null references accounts (id) on delete cascade,
    -- The account's version when it started: one that was raised since ends it.
    version          bigint not null,
    -- Mixed into the session's refresh tokens; another seed makes all of them void.
    seed             text   not null,
    started_at       bigint not null,
    authenticated_at bigint not null,
    method           text   not null,
    client           text   not null,
    device           text   not null,
    -- Activity never extends past it.
    expires_at       bigint not null,
    ended_at         bigint,
    ended_why        text
);

create index sessions_by_account on sessions (account_id, ended_at);
create index sessions_by_end on sessions (ended_at);

-- When each refresh token was first used. What is not in here was not, or so long ago that nobody may use it again.
create table refresh_uses (
    session_id text   not null references sessions (id) on delete cascade,
    generation bigint not null,
    used_at    bigint not null,
    primary key (session_id, generation)
);
