-- Sessions whose place newer ones took are forgotten within days, so that nobody fills the disk by signing in.
create index sessions_surplus on sessions (ended_at) where ended_why = 'surplus';
