//! What the tests of all crates keep in the repository, read and played in one way. It depends
//! on none of them, so that each can be tested with it.

pub mod corpus;
pub mod expected;
