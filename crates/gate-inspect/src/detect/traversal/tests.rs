//! Attacks and ordinary paths.
