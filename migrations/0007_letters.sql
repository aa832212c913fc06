-- What is sent to people's addresses, and whether an address is theirs.

-- When the owner showed that letters to this address arrive; null until then.
alter table accounts add column email_verified_at bigint;

-- Set while an account that must not be used before its address is confirmed waits for that; if nobody does by then, it
-- is forgotten, and its names are free again.
alter table accounts add column pending_until bigint;
create index accounts_pending on accounts (pending_until) where pending_until is not null;

-- Letters that somebody may answer, with the link or with the code in them. Only what proves them is kept: a digest of
-- the link's secret, and a keyed MAC of the code.
create table letters (
    -- Names the request that it was made for; the code is good together with it alone.
    id              text   not null primary key,
    purpose         text   not null,
    account_id      text   not null references accounts (id) on delete cascade,
    -- Where it was sent, as typed: it proves that letters to this address arrive, and nothing about another.
    sent_to         text   not null,
    digest          text   not null unique,
    code            text   not null,
    code_tries      bigint not null default 0,
    code_expires_at bigint not null,
    created_at      bigint not null,
    expires_at      bigint not null,
    -- When it was answered, or became void.
    spent_at        bigint
);

create index letters_by_account on letters (account_id, purpose);
create index letters_by_end on letters (expires_at);

-- Letters to be sent. The account is not referenced: the last letter goes out after it is gone.
create table outbox (
    id         text   not null primary key,
    letter     text   not null,
    account_id text,
    sent_to    text   not null,
    -- Subject and both bodies, sealed with the server secret; emptied once nobody will send it any more.
    sealed     text   not null,
    created_at bigint not null,
    -- After which it is of no use.
    good_until bigint not null,
    -- When it is tried next. Whoever tries it moves this on first, so that nobody else does.
    due_at     bigint not null,
    tries      bigint not null default 0,
    last_fault text,
    ended_at   bigint,
    -- 'sent', 'refused', 'late'.
    ended_how  text
);

create index outbox_due on outbox (due_at) where ended_at is null;
create index outbox_ended on outbox (ended_at) where ended_at is not null;
