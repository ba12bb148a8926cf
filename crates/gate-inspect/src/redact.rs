//! What is blackened in messages that go on, and in excerpts.
