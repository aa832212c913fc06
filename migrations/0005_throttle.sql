-- Failed attempts of an account since its last success. Rows whose key is no account's take the failures of names that
-- nobody has, so that these cost the same write.
create table login_failures (
    account_id text   not null primary key,
    failures   bigint not null
);

-- From which networks programs signed in to an account: there they have a budget of their own, which strangers cannot
-- spend.
create table known_networks (
    account_id text   not null references accounts (id) on delete cascade,
    network    text   not null,
    seen_at    bigint not null,
    primary key (account_id, network)
);

create index known_networks_by_time on known_networks (seen_at);
