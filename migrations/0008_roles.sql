-- What an account may do beyond its own affairs, and who may make one.

-- "user" or "admin".
alter table accounts add column role text not null default 'user';

-- Invitations to make an account, made by an operator. Of the code there is only a keyed digest.
create table invites (
    id           text   not null primary key,
    digest       text   not null unique,
    -- For the operator alone.
    note         text   not null,
    -- What whoever comes by it may do.
    role         text   not null,
    -- The one address it is for; null: whoever holds it may come with any.
    email        text,
    uses         bigint not null,
    uses_left    bigint not null,
    made_at      bigint not null,
    expires_at   bigint not null,
    withdrawn_at bigint
);

create index invites_by_time on invites (expires_at);
