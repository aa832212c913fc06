-- One dialect for SQLite and PostgreSQL: text ids, bigint seconds since 1970 (UTC).

-- A person. The *_key columns hold what decides uniqueness (lower case); the others what was typed.
create table accounts (
    id            text   not null primary key,
    username      text   not null,
    username_key  text   not null unique,
    email         text   not null,
    email_key     text   not null unique,
    password_hash text   not null,
    created_at    bigint not null
);

-- Keys that sign tokens. A generation of an algorithm exists once, however many instances start together.
create table signing_keys (
    kid            text   not null primary key,
    algorithm      text   not null,
    generation     bigint not null,
    sealed_private text   not null,
    created_at     bigint not null,
    unique (algorithm, generation)
);
