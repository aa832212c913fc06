//! Stories told through the front door, each on a fresh database.

mod house;
