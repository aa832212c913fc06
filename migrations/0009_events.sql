-- What happened to an account, for its owner to read. Sign-ins and their ends stand in `sessions`.
create table account_events (
    account_id  text   not null references accounts (id) on delete cascade,
    kind        text   not null,
    happened_at bigint not null,
    client      text   not null,
    device      text   not null,
    -- What was before, where that helps: the old username.
    detail      text   not null
);

create index account_events_by_account on account_events (account_id, happened_at);
create index account_events_by_time on account_events (happened_at);

-- Wrong passwords of an account, gathered by address and day, so that guessing fills no disk. Rows whose key is no
-- account's take those of names that nobody has, so that these cost the same writes; they hold no address.
create table wrong_passwords (
    account_id text   not null,
    client     text   not null,
    day        bigint not null,
    device     text   not null,
    times      bigint not null,
    last_at    bigint not null,
    primary key (account_id, client, day)
);

create index wrong_passwords_by_time on wrong_passwords (last_at);

-- Names that were somebody's. While there is an account it may take its own back; without one nobody ever may.
create table reserved_names (
    username_key text   not null primary key,
    account_id   text,
    reserved_at  bigint not null
);

create index reserved_names_by_account on reserved_names (account_id);

-- Accounts that were deleted, for as long as a token of theirs could be shown: each instance hears from here that none
-- of them is good any more.
create table departed_accounts (
    account_id text   not null primary key,
    version    bigint not null,
    left_at    bigint not null,
    told_at    bigint not null
);

create index departed_accounts_by_time on departed_accounts (left_at);
create index departed_accounts_told on departed_accounts (told_at);

-- Letters to an account are counted before one more is written.
create index outbox_by_account on outbox (account_id, letter, created_at) where account_id is not null;

-- Addresses that an account had until lately: for as long as its owner may take a change back, nobody else gets them.
create table reserved_addresses (
    email_key  text   not null primary key,
    account_id text   not null references accounts (id) on delete cascade,
    good_until bigint not null
);

create index reserved_addresses_by_account on reserved_addresses (account_id);
