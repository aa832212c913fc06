-- What a running server saw of the way that requests take to it, for the operator's checks: host names, proxies, schemes
-- and how often. Each instance replaces its own rows; no address of a person is among them.
create table observations (
    instance text   not null,
    name     text   not null,
    value    text   not null,
    times    bigint not null,
    seen_at  bigint not null,
    primary key (instance, name, value)
);
